# Target asyncdrop_tidy: the clang-tidy plugin of libasyncdrop/tidy, built by clang++-19 as an external project,
# whatever compiler builds the rest; component "tidy" installs it. ASYNCDROP_TIDY_PLUGIN is the file.
include_guard(GLOBAL)
include(ExternalProject)
include(GNUInstallDirs)

find_program(ASYNCDROP_TIDY_COMPILER clang++-19 REQUIRED)
mark_as_advanced(ASYNCDROP_TIDY_COMPILER)

set(ASYNCDROP_TIDY_PLUGIN "${PROJECT_BINARY_DIR}/tidy/asyncdrop-tidy.so")
ExternalProject_Add(asyncdrop_tidy
    SOURCE_DIR "${PROJECT_SOURCE_DIR}/libasyncdrop/tidy"
    BINARY_DIR "${PROJECT_BINARY_DIR}/tidy"
    PREFIX "${PROJECT_BINARY_DIR}/tidy/project"
    CMAKE_ARGS "-DCMAKE_CXX_COMPILER=${ASYNCDROP_TIDY_COMPILER}" -DCMAKE_BUILD_TYPE=Release
    # One job beside those of this build, which knows nothing of the others.
    BUILD_COMMAND "${CMAKE_COMMAND}" --build <BINARY_DIR> --parallel 1
    BUILD_ALWAYS ON
    BUILD_BYPRODUCTS "${ASYNCDROP_TIDY_PLUGIN}"
    INSTALL_COMMAND "")

if(ASYNCDROP_INSTALL)
    install(FILES "${ASYNCDROP_TIDY_PLUGIN}" DESTINATION "${CMAKE_INSTALL_LIBDIR}/asyncdrop" COMPONENT tidy)
    include(DebianDocs)
    install_debian_docs(asyncdrop-tidy COMPONENT tidy README docs/asyncdrop/tidy.md)
endif()
