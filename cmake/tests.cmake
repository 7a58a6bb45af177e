# Programs that prove the libraries. A file named <noun>_test.c is a program of its own; other files beside it are helpers
# that every test of the folder is linked with.
#
#   tests/unit/<folder>/<noun>_test.c    cmocka, mirrors src/<folder>
#   tests/sim/<noun>_test.c              whole endpoints in virtual time
#   tests/shim/*.c                       one program: a UDP path with impairments, for real peers
#   tests/interop/<noun>/*.c             a program that the interop runner starts, one a folder
#   tests/fuzz/<noun>_fuzz.c             libFuzzer targets
#   bench/programs/<noun>.c              each a program that a benchmark starts, linked with bench/programs/support/
#   bench/link/                          a link of chosen quality, and what is sent over it
#   examples/<noun>.c                    each a program, compiled as a user would
#   examples/chat/*.c                    one program

file(GLOB support_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.c)
if(support_sources)
  add_library(minke-test-support STATIC EXCLUDE_FROM_ALL ${support_sources})
  minke_compile(minke-test-support)
  target_include_directories(minke-test-support PUBLIC ${PROJECT_SOURCE_DIR}/tests)
endif()

# A program that may use internal headers. `library` is minke-core or minke.
function(minke_test_program target library)
  add_executable(${target} EXCLUDE_FROM_ALL ${ARGN})
  minke_compile(${target})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE
    $<$<TARGET_EXISTS:minke-test-support>:minke-test-support> ${library} OpenSSL::SSL OpenSSL::Crypto m)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endfunction()

# The programs of one folder with their helpers, as ctest tests with a label and a time limit in seconds.
function(minke_tests_of folder label library seconds)
  file(GLOB tests CONFIGURE_DEPENDS ${folder}/*_test.c)
  file(GLOB helpers CONFIGURE_DEPENDS ${folder}/*.c)
  list(FILTER helpers EXCLUDE REGEX "_test\\.c$")
  get_filename_component(folder_name ${folder} NAME)
  set(programs "")
  foreach(source ${tests})
    get_filename_component(noun ${source} NAME_WE)
    set(name ${label}-${noun})
    if(label STREQUAL "unit")
      set(name ${label}-${folder_name}-${noun})
    endif()
    minke_test_program(${name} ${library} ${source} ${helpers})
    target_link_libraries(${name} PRIVATE PkgConfig::cmocka)
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${seconds})
    list(APPEND programs ${name})
  endforeach()
  if(programs)
    add_dependencies(tests ${programs})
  endif()
endfunction()

if(MINKE_TESTS)
  pkg_check_modules(cmocka IMPORTED_TARGET cmocka)
endif()
if(MINKE_TESTS AND cmocka_FOUND)
  enable_testing()
  add_custom_target(tests)

  file(GLOB unit_folders CONFIGURE_DEPENDS LIST_DIRECTORIES true ${PROJECT_SOURCE_DIR}/tests/unit/*)
  foreach(folder ${unit_folders})
    get_filename_component(folder_name ${folder} NAME)
    if(folder_name MATCHES "^(driver|http|websocket)$")
      minke_tests_of(${folder} unit minke 60)
    elseif(IS_DIRECTORY ${folder})
      minke_tests_of(${folder} unit minke-core 60)
    endif()
  endforeach()
  minke_tests_of(${PROJECT_SOURCE_DIR}/tests/sim sim minke-core 900)
  target_link_options(sim-idle_test PRIVATE -Wl,--wrap=minke__ice_tick) # it counts them

  # What the benchmarks over links rest on.
  minke_test_program(unit-bench-direction minke-core ${PROJECT_SOURCE_DIR}/bench/link/tests/direction_test.c
    ${PROJECT_SOURCE_DIR}/bench/link/direction.c ${PROJECT_SOURCE_DIR}/bench/link/chance.c)
  target_include_directories(unit-bench-direction PRIVATE ${PROJECT_SOURCE_DIR}/bench/link)
  target_link_libraries(unit-bench-direction PRIVATE PkgConfig::cmocka)
  add_test(NAME unit-bench-direction COMMAND unit-bench-direction)
  set_tests_properties(unit-bench-direction PROPERTIES LABELS unit TIMEOUT 60)
  add_dependencies(tests unit-bench-direction)

  # The SCTP engine of libdatachannel as an oracle, in virtual time: it reads the clock that this program exports.
  pkg_check_modules(usrsctp IMPORTED_TARGET usrsctp)
  if(usrsctp_FOUND)
    minke_test_program(usrsctp-pair minke-core ${PROJECT_SOURCE_DIR}/tests/interop/usrsctp/usrsctp_pair.c)
    target_compile_definitions(usrsctp-pair PRIVATE _GNU_SOURCE=)
    set_target_properties(usrsctp-pair PROPERTIES ENABLE_EXPORTS ON)
    target_link_libraries(usrsctp-pair PRIVATE PkgConfig::usrsctp)
    add_test(NAME sim-usrsctp-pair COMMAND usrsctp-pair --seeds 100)
    set_tests_properties(sim-usrsctp-pair PROPERTIES LABELS sim TIMEOUT 300)
    add_dependencies(tests usrsctp-pair)
  else()
    message(STATUS "usrsctp not found: no test against it")
  endif()
elseif(MINKE_TESTS)
  message(STATUS "cmocka not found: no unit tests")
endif()

# What the interop runner starts beside `minke`.
add_custom_target(interop-programs)
file(GLOB shim_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/shim/*.c)
if(shim_sources)
  minke_test_program(udp_shim minke ${shim_sources})
  set_target_properties(udp_shim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  add_dependencies(interop-programs udp_shim)
endif()
foreach(noun dialer faulty)
  file(GLOB interop_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/interop/${noun}/*.c)
  minke_test_program(interop-${noun} minke ${interop_sources})
  target_compile_definitions(interop-${noun} PRIVATE _GNU_SOURCE=)
  add_dependencies(interop-programs interop-${noun})
endforeach()

# Its faults are calls that the linker replaces.
foreach(call minke_transport_recv minke_transport_transmit minke__sctp_recv minke__sctp_transmit minke__setup_advance)
  target_link_options(interop-faulty PRIVATE -Wl,--wrap=${call})
endforeach()

# What idle connections cost, measured over loopback: run by hand, tests/sim/limits_test.c pins the number.
minke_test_program(idle-memory minke ${PROJECT_SOURCE_DIR}/tests/memory/idle_memory.c)
target_compile_definitions(idle-memory PRIVATE _GNU_SOURCE=)

# Flows through a link in virtual time: bench/simulated/link.c says how to run it.
minke_test_program(sim-link minke-core ${PROJECT_SOURCE_DIR}/bench/simulated/link.c
  ${PROJECT_SOURCE_DIR}/tests/sim/flows.c ${PROJECT_SOURCE_DIR}/tests/sim/textbook.c)

# Load for a relay, and the plain TCP splice that it is compared with: bench/relay/run and tests/cli/relay_load.sh start
# them. The load sees the public headers alone.
file(GLOB relay_load_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/relay/*.c)
list(FILTER relay_load_sources EXCLUDE REGEX "/splice\\.c$")
add_executable(relay-load EXCLUDE_FROM_ALL ${relay_load_sources})
target_link_libraries(relay-load PRIVATE minke minke-flags)
add_executable(relay-splice EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/bench/relay/splice.c)
target_link_libraries(relay-splice PRIVATE minke-flags)
foreach(program relay-load relay-splice)
  set_target_properties(${program} PROPERTIES C_STANDARD 11 RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  target_compile_definitions(${program} PRIVATE _GNU_SOURCE=)
  add_dependencies(interop-programs ${program})
endforeach()

# What `./dev bench` starts. They see the public headers alone, and are known by their name with hyphens.
add_custom_target(bench-programs)
add_dependencies(bench-programs relay-load relay-splice)
file(GLOB bench_support CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/programs/support/*.c)
add_library(bench-support STATIC EXCLUDE_FROM_ALL ${bench_support})
target_compile_definitions(bench-support PUBLIC _GNU_SOURCE=)
target_include_directories(bench-support PUBLIC ${PROJECT_SOURCE_DIR}/bench/programs)
target_link_libraries(bench-support PUBLIC minke OpenSSL::SSL OpenSSL::Crypto PRIVATE minke-flags)
set_target_properties(bench-support PROPERTIES C_STANDARD 11)
file(GLOB bench_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/programs/*.c)
pkg_check_modules(usrsctp QUIET IMPORTED_TARGET usrsctp)
if(usrsctp_FOUND)
  set(bench_links_usrsctp-flow PkgConfig::usrsctp)
else()
  list(FILTER bench_sources EXCLUDE REGEX "/usrsctp_[a-z]*\\.c$")
endif()
foreach(source ${bench_sources})
  get_filename_component(noun ${source} NAME_WE)
  string(REPLACE "_" "-" noun ${noun})
  add_executable(bench-${noun} EXCLUDE_FROM_ALL ${source})
  target_link_libraries(bench-${noun} PRIVATE bench-support ${bench_links_${noun}} minke-flags)
  set_target_properties(bench-${noun} PROPERTIES OUTPUT_NAME ${noun} C_STANDARD 11
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  add_dependencies(bench-programs bench-${noun})
endforeach()
pkg_check_modules(sodium QUIET IMPORTED_TARGET libsodium)
if(sodium_FOUND)
  target_compile_definitions(bench-setup-cost PRIVATE BENCH_SODIUM)
  target_link_libraries(bench-setup-cost PRIVATE PkgConfig::sodium)
endif()

# A link of chosen quality between two network namespaces, and what is sent over it: known as link and link-*.
file(GLOB link_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/link/*.c)
add_executable(bench-link EXCLUDE_FROM_ALL ${link_sources})
set_target_properties(bench-link PROPERTIES OUTPUT_NAME link)
set(link_programs bench-link)
foreach(noun minke tcp usrsctp)
  if(noun STREQUAL "usrsctp" AND NOT usrsctp_FOUND)
    continue()
  endif()
  add_executable(bench-link-${noun} EXCLUDE_FROM_ALL
    ${PROJECT_SOURCE_DIR}/bench/link/flows/${noun}.c ${PROJECT_SOURCE_DIR}/bench/link/flows/arrivals.c)
  target_link_libraries(bench-link-${noun} PRIVATE bench-support ${bench_links_${noun}-flow})
  set_target_properties(bench-link-${noun} PROPERTIES OUTPUT_NAME link-${noun})
  list(APPEND link_programs bench-link-${noun})
endforeach()
foreach(program ${link_programs})
  target_link_libraries(${program} PRIVATE minke-flags)
  target_compile_definitions(${program} PRIVATE _GNU_SOURCE=)
  set_target_properties(${program} PROPERTIES C_STANDARD 11 RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  add_dependencies(bench-programs ${program})
endforeach()

# Examples see the public headers alone.
add_custom_target(examples)
function(minke_example noun)
  if(NOT example_links_${noun})
    set(example_links_${noun} minke)
  endif()
  add_executable(example-${noun} EXCLUDE_FROM_ALL ${ARGN})
  target_link_libraries(example-${noun} PRIVATE ${example_links_${noun}} minke-flags)
  set_target_properties(example-${noun} PROPERTIES OUTPUT_NAME ${noun} C_STANDARD 11
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
  add_dependencies(examples example-${noun})
endfunction()

set(example_links_transport_loop minke-core)
set(example_links_paste minke-core)
file(GLOB example_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.c)
# Packages that nothing else here wants: without one its example is left out.
foreach(pair "uv_loop libuv" "event_loop libevent_core")
  separate_arguments(pair)
  list(GET pair 0 noun)
  list(GET pair 1 package)
  pkg_check_modules(${package} QUIET IMPORTED_TARGET ${package})
  if(${package}_FOUND)
    set(example_links_${noun} minke PkgConfig::${package})
  else()
    message(STATUS "${package} not found: no example ${noun}")
    list(FILTER example_sources EXCLUDE REGEX "/${noun}\\.c$")
  endif()
endforeach()
# Not a program: what two of them share.
list(FILTER example_sources EXCLUDE REGEX "/private_loop\\.c$")
foreach(noun paste own_signalling)
  set(example_more_${noun} ${PROJECT_SOURCE_DIR}/examples/private_loop.c)
endforeach()
foreach(source ${example_sources})
  get_filename_component(noun ${source} NAME_WE)
  minke_example(${noun} ${source} ${example_more_${noun}})
endforeach()
file(GLOB chat_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/chat/*.c)
set(example_links_chat minke OpenSSL::Crypto)
minke_example(chat ${chat_sources})

if(MINKE_FUZZ)
  add_custom_target(fuzzers)
  file(GLOB fuzz_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/*_fuzz.c)
  file(GLOB fuzz_helpers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/*.c)
  list(FILTER fuzz_helpers EXCLUDE REGEX "_fuzz\\.c$")
  foreach(source ${fuzz_sources})
    get_filename_component(target ${source} NAME_WE)
    minke_test_program(${target} minke ${source} ${fuzz_helpers})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    add_dependencies(fuzzers ${target})
  endforeach()
endif()
