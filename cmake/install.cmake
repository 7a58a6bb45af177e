# What `cmake --install` lays down: both libraries, the public headers, pkg-config files, the command.

install(TARGETS ${minke_libraries}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/minke DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE-MIT ${PROJECT_SOURCE_DIR}/LICENSE-APACHE
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/minke)
if(TARGET minke-cli)
  install(TARGETS minke-cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

foreach(library minke minke-core)
  set(MINKE_PC_NAME ${library})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/minke.pc.in ${PROJECT_BINARY_DIR}/${library}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${library}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
