# Component "library": the headers (those for tests, too), the source of asyncdrop::compiled, the CMake package, the pkg-config file, the pretty-printers for
# gdb, the documentation and the examples. Nothing in it depends on the machine, so it lies below share/ and can be moved as a whole.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(asyncdrop_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/asyncdrop")
set(asyncdrop_pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")
set(asyncdrop_source_dir "${CMAKE_INSTALL_DATADIR}/asyncdrop/src")

target_include_directories(asyncdrop INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
set_target_properties(asyncdrop_recycling PROPERTIES EXPORT_NAME recycling)
set_target_properties(asyncdrop_testing PROPERTIES EXPORT_NAME testing)
install(TARGETS asyncdrop asyncdrop_recycling asyncdrop_testing EXPORT asyncdropTargets)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/libasyncdrop/include/asyncdrop"
                  "${PROJECT_SOURCE_DIR}/libasyncdrop/testing/include/asyncdrop"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT library FILES_MATCHING PATTERN "*.hpp" PATTERN "*.ipp")

install(FILES "${PROJECT_SOURCE_DIR}/libasyncdrop/src/asyncdrop.cpp" DESTINATION "${asyncdrop_source_dir}" COMPONENT library)
install(FILES "${PROJECT_SOURCE_DIR}/libasyncdrop/gdb/asyncdrop-gdb.py" DESTINATION "${CMAKE_INSTALL_DATADIR}/asyncdrop/gdb"
        COMPONENT library)
install(EXPORT asyncdropTargets NAMESPACE asyncdrop:: DESTINATION "${asyncdrop_package_dir}" COMPONENT library)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/asyncdropConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/package/asyncdropConfig.cmake"
                              INSTALL_DESTINATION "${asyncdrop_package_dir}"
                              NO_SET_AND_CHECK_MACRO)
# While the major version is 0, a new minor version may break programs; from 1.0 on: SameMajorVersion.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/asyncdropConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/package/asyncdropConfig.cmake"
              "${PROJECT_BINARY_DIR}/package/asyncdropConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/asyncdropCompiled.cmake"
        DESTINATION "${asyncdrop_package_dir}" COMPONENT library)

# The pkg-config file finds the headers from its own place, wherever the installation is moved.
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_DATADIR}")
    set(asyncdrop_pc_prefix "${CMAKE_INSTALL_PREFIX}")
    set(asyncdrop_pc_includedir "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
else()
    file(RELATIVE_PATH up "/${asyncdrop_pkgconfig_dir}" "/")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(asyncdrop_pc_prefix "\${pcfiledir}/${up}")
    set(asyncdrop_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/asyncdrop.pc.in" "${PROJECT_BINARY_DIR}/package/asyncdrop.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/asyncdrop.pc" DESTINATION "${asyncdrop_pkgconfig_dir}" COMPONENT library)

include(DebianDocs)
file(GLOB asyncdrop_pages CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/docs/asyncdrop/*.md")
install_debian_docs(libasyncdrop-dev COMPONENT library README libasyncdrop/README.md DOCS ${asyncdrop_pages}
                    FOLDERS examples/connection_pool examples/shared_creation examples/tcp_server examples/teardown_test examples/write_behind_cache)
