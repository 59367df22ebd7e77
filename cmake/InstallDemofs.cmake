# Component "demofs": the program and its documents.
include(GNUInstallDirs)
include(DebianDocs)

install(TARGETS demofs RUNTIME COMPONENT demofs)
install_debian_docs(demofs COMPONENT demofs
                    DOCS README.md docs/cli.md docs/on-disk-format.md docs/security.md)
