# What `cmake --install` lays down: both libraries, the public headers, a CMake package, pkg-config files; with the command
# also its man pages, completion and the unit of a relay. Nothing in it names the prefix, so an installed tree can be moved.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/minke)

# Two sets of targets: who links the shared libraries needs no OpenSSL to build.
install(TARGETS minke-core minke EXPORT minke-static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT minke-static NAMESPACE minke:: FILE minke-static.cmake DESTINATION ${package_dir})
if(MINKE_SHARED)
  install(TARGETS minke-core-shared minke-shared EXPORT minke-shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT minke-shared NAMESPACE minke:: FILE minke-shared.cmake DESTINATION ${package_dir})
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/minke-config.cmake.in ${PROJECT_BINARY_DIR}/minke-config.cmake @ONLY)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatibility SameMinorVersion)
else()
  set(compatibility SameMajorVersion)
endif()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/minke-config-version.cmake COMPATIBILITY ${compatibility})
install(FILES ${PROJECT_BINARY_DIR}/minke-config.cmake ${PROJECT_BINARY_DIR}/minke-config-version.cmake
  DESTINATION ${package_dir})

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/minke DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE-MIT ${PROJECT_SOURCE_DIR}/LICENSE-APACHE DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(TARGET minke-cli)
  install(TARGETS minke-cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  file(GLOB man_pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.1)
  install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/completion/minke.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME minke)
  # systemd looks here, not where libraries of an architecture are. The unit names no prefix.
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    install(FILES ${PROJECT_SOURCE_DIR}/packaging/systemd/minke-relay.service DESTINATION lib/systemd/system)
    install(FILES ${PROJECT_SOURCE_DIR}/packaging/systemd/minke-relay.default DESTINATION ${CMAKE_INSTALL_DOCDIR})
  endif()
endif()

# pkg-config finds the prefix from where its file lies, unless the directories were given as absolute paths.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(MINKE_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
  set(MINKE_PC_LIBDIR ${CMAKE_INSTALL_FULL_LIBDIR})
  set(MINKE_PC_INCLUDEDIR ${CMAKE_INSTALL_FULL_INCLUDEDIR})
else()
  file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" up "${up}")
  set(MINKE_PC_PREFIX "\${pcfiledir}/${up}")
  set(MINKE_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  set(MINKE_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
foreach(MINKE_PC_NAME minke minke-core)
  set(MINKE_PC_REQUIRES "")
  set(MINKE_PC_PRIVATE "")
  if(MINKE_SODIUM)
    set(MINKE_PC_REQUIRES ", libsodium")
  endif()
  if(MINKE_PC_NAME STREQUAL "minke")
    string(APPEND MINKE_PC_REQUIRES ", libcares")
    set(MINKE_PC_PRIVATE "-lwslay")
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/minke.pc.in ${PROJECT_BINARY_DIR}/${MINKE_PC_NAME}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${MINKE_PC_NAME}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
