# `cpack` in the build folder makes libasyncdrop-dev_<version>_all.deb and demofs_<version>_<arch>.deb from the
# components "library" and "demofs"; with the clang-tidy plugin also asyncdrop-tidy_<version>_<arch>.deb from "tidy".
# Needs dpkg-dev and file, but not root.
include(DebianDocs)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME asyncdrop)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each component has its own
set(CPACK_PACKAGE_CONTACT "${asyncdrop_maintainer}")
set(CPACK_COMPONENTS_ALL library)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE "${asyncdrop_debian_revision}")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libasyncdrop-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_ARCHITECTURE all)  # headers only
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
# Debian 12's libboost-dev is 1.74; its 1.81 has a package name of its own.
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS "libboost1.81-dev | libboost-dev (>= 1.81)")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SUGGESTS "cmake | pkgconf")
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION
    "asynchronous cleanup for Boost.Asio coroutines (headers)
A destructor cannot wait. The guards of this library own resources whose
cleanup is a coroutine: it runs on every way out of a scope, also after an
exception or a cancellation, in the right order, and a forgotten one is
reported.

C++20, headers only, with a CMake package and a pkg-config file.")

if(TARGET demofs)
    list(APPEND CPACK_COMPONENTS_ALL demofs)
    set(CPACK_STRIP_FILES ON)
    set(CPACK_DEBIAN_DEMOFS_PACKAGE_NAME demofs)
    set(CPACK_DEBIAN_DEMOFS_PACKAGE_SECTION utils)
    set(CPACK_DEBIAN_DEMOFS_PACKAGE_SHLIBDEPS ON)
    set(CPACK_DEBIAN_DEMOFS_PACKAGE_DEPENDS fuse3)  # fusermount3
    set(CPACK_COMPONENT_DEMOFS_DESCRIPTION
        "encrypted filesystem for user space (FUSE)
A vault is a folder of encrypted segments that is used through a mount. Names,
contents, sizes and structure are hidden, every byte is authenticated, and a
crash loses nothing that was fsynced.")
endif()

if(TARGET asyncdrop_tidy)
    list(APPEND CPACK_COMPONENTS_ALL tidy)
    set(CPACK_DEBIAN_TIDY_PACKAGE_NAME asyncdrop-tidy)
    set(CPACK_DEBIAN_TIDY_PACKAGE_SECTION devel)
    set(CPACK_DEBIAN_TIDY_PACKAGE_SHLIBDEPS ON)
    # The program that loads it; a plugin fits one version of clang.
    set(CPACK_DEBIAN_TIDY_PACKAGE_DEPENDS clang-tidy-19)
    set(CPACK_COMPONENT_TIDY_DESCRIPTION
        "clang-tidy checks for asynchronous cleanup (libasyncdrop)
A plugin of clang-tidy-19 that finds at compile time what libasyncdrop reports
at run time: guards that can die without their drop on some path, guards and
drops that are thrown away, uses after a drop, and coroutines that outlive what
their parameters refer to.")
endif()

include(CPack)
