# install_debian_docs(<package> COMPONENT <component> DOCS <files...>): installs documents, the licence and the
# changelogs to share/doc/<package>, as the Debian package of that name must have them.
include(GNUInstallDirs)
set(asyncdrop_maintainer "Seed d390f622 maintainers <maintainers@users.noreply.b-seed-d390f622.example>")
set(asyncdrop_debian_revision 1)

# Compressed where gzip is at hand; -n leaves the time out, so that the result depends on the content only.
function(compress_changelog source result)
    find_program(ASYNCDROP_GZIP gzip)
    mark_as_advanced(ASYNCDROP_GZIP)
    if(ASYNCDROP_GZIP)
        execute_process(COMMAND "${ASYNCDROP_GZIP}" -9nc "${source}" OUTPUT_FILE "${result}.gz" COMMAND_ERROR_IS_FATAL ANY)
    else()
        configure_file("${source}" "${result}" COPYONLY)
    endif()
endfunction()

function(install_debian_docs package)
    cmake_parse_arguments(ARG "" "COMPONENT" "DOCS" ${ARGN})
    set(templates "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/debian")
    set(made "${PROJECT_BINARY_DIR}/package/${package}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
                 "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/CHANGELOG.md")
    file(REMOVE_RECURSE "${made}")
    file(MAKE_DIRECTORY "${made}")

    # In Debian's format a blank in front of every line, and a dot for an empty one.
    file(READ "${PROJECT_SOURCE_DIR}/LICENSE" licence)
    string(STRIP "${licence}" licence)
    string(REPLACE "\n" "\n " licence " ${licence}")
    string(REPLACE "\n \n" "\n .\n" licence "${licence}")
    configure_file("${templates}/copyright.in" "${made}/copyright" @ONLY)

    string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)  # SOURCE_DATE_EPOCH if that is set
    configure_file("${templates}/changelog.in" "${made}.changelog.Debian" @ONLY)
    compress_changelog("${made}.changelog.Debian" "${made}/changelog.Debian")
    compress_changelog("${PROJECT_SOURCE_DIR}/CHANGELOG.md" "${made}/changelog")

    set(destination "${CMAKE_INSTALL_DATADIR}/doc/${package}")
    list(TRANSFORM ARG_DOCS PREPEND "${PROJECT_SOURCE_DIR}/")
    install(FILES ${ARG_DOCS} DESTINATION "${destination}" COMPONENT ${ARG_COMPONENT})
    install(DIRECTORY "${made}/" DESTINATION "${destination}" COMPONENT ${ARG_COMPONENT})
endfunction()
