# Component "demofs": the program and its documents.
include(GNUInstallDirs)
include(DebianDocs)

install(TARGETS demofs RUNTIME COMPONENT demofs)
install_debian_docs(demofs COMPONENT demofs README README.md
                    DOCS docs/architecture.md docs/cli.md docs/on-disk-format.md docs/security.md)
