# Component "demofs": the program, its manual pages and completions, its helper for mount(8), systemd units, and its
# documents.
include(GNUInstallDirs)
include(DebianDocs)

install(TARGETS demofs RUNTIME COMPONENT demofs)
install_debian_docs(demofs COMPONENT demofs README README.md
                    DOCS docs/architecture.md docs/cli.md docs/on-disk-format.md docs/security.md
                    COPYRIGHT "${PROJECT_SOURCE_DIR}/cmake/debian/recovery_words.copyright")

# mount(8) looks for helpers in /sbin; they are the program under other names.
foreach(helper mount.demofs mount.fuse.demofs)
    set(link "${PROJECT_BINARY_DIR}/package/links/${helper}")
    file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/package/links")
    file(CREATE_LINK "../bin/demofs" "${link}" SYMBOLIC)
    install(FILES "${link}" DESTINATION "${CMAKE_INSTALL_SBINDIR}" COMPONENT demofs)
endforeach()

set(packaging "${PROJECT_SOURCE_DIR}/packaging")
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/package/man")
foreach(page demofs.1 mount.demofs.8)
    string(REGEX REPLACE ".*\\." "" section "${page}")
    set(made "${PROJECT_BINARY_DIR}/package/man/${page}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${packaging}/man/${page}")
    compress_changelog("${packaging}/man/${page}" "${made}")
    if(EXISTS "${made}.gz")
        set(made "${made}.gz")
    endif()
    install(FILES "${made}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}" COMPONENT demofs)
endforeach()
install(FILES "${packaging}/completions/demofs.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
        RENAME demofs COMPONENT demofs)
install(FILES "${packaging}/completions/_demofs" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions" COMPONENT demofs)
install(FILES "${packaging}/completions/demofs.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d"
        COMPONENT demofs)
foreach(manager system user)
    install(FILES "${packaging}/systemd/${manager}/demofs@.service" DESTINATION "lib/systemd/${manager}" COMPONENT demofs)
endforeach()
