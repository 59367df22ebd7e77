# install_debian_docs(<package> COMPONENT <component> README <file> [DOCS <files...>] [FOLDERS <folders...>]
# [COPYRIGHT <file>]): installs documents, the licence and the changelogs to share/doc/<package>, as the Debian package of that name must have them.
# README becomes the package's README.md; the rest keeps its path below the project, so that links among them hold. A
# link to what the package does not hold becomes plain text. The file COPYRIGHT is added to the licence: what it says of
# the work of others.
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

# packaged_document(<source> <page> <result> <shipped files and folders...>): makes `result` of a page of the project
# that the package will hold at `page`.
function(packaged_document source page result)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${source}")
    file(READ "${PROJECT_SOURCE_DIR}/${source}" text)
    if(source MATCHES "/README\\.md$" AND page STREQUAL "README.md")
        string(REPLACE "](../" "](" text "${text}")  # it lies one folder deeper in the project than in the package
    endif()
    cmake_path(GET page PARENT_PATH folder)
    # Without the square brackets, which mean something in CMake's lists.
    string(REGEX MATCHALL "\\([A-Za-z0-9_./-]+(#[^)]*)?\\)" links "${text}")
    list(REMOVE_DUPLICATES links)
    foreach(link IN LISTS links)
        string(REGEX REPLACE "^\\(([^#)]*).*$" "\\1" target "${link}")
        set(target "${folder}/${target}")
        cmake_path(NORMAL_PATH target)
        string(REGEX REPLACE "^/|/$" "" target "${target}")
        set(held FALSE)
        foreach(shipped IN LISTS ARGN)
            string(FIND "${target}/" "${shipped}/" at)
            if(at EQUAL 0)
                set(held TRUE)
            endif()
        endforeach()
        if(NOT held)
            string(REGEX REPLACE "([][()*+?.])" "\\\\\\1" pattern "${link}")
            string(REGEX REPLACE "\\[([^][]*)\\]${pattern}" "\\1" text "${text}")
        endif()
    endforeach()
    file(WRITE "${result}" "${text}")
endfunction()

function(install_debian_docs package)
    cmake_parse_arguments(ARG "" "COMPONENT;README;COPYRIGHT" "DOCS;FOLDERS" ${ARGN})
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
    if(ARG_COPYRIGHT)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${ARG_COPYRIGHT}")
        file(READ "${ARG_COPYRIGHT}" ARG_COPYRIGHT)
        string(STRIP "${ARG_COPYRIGHT}" ARG_COPYRIGHT)
        string(PREPEND ARG_COPYRIGHT "\n\n")
    endif()
    configure_file("${templates}/copyright.in" "${made}/copyright" @ONLY)

    string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)  # SOURCE_DATE_EPOCH if that is set
    configure_file("${templates}/changelog.in" "${made}.changelog.Debian" @ONLY)
    compress_changelog("${made}.changelog.Debian" "${made}/changelog.Debian")
    compress_changelog("${PROJECT_SOURCE_DIR}/CHANGELOG.md" "${made}/changelog")

    set(shipped README.md ${ARG_DOCS} ${ARG_FOLDERS})
    packaged_document("${ARG_README}" README.md "${made}/README.md" ${shipped})
    foreach(page IN LISTS ARG_DOCS)
        packaged_document("${page}" "${page}" "${made}/${page}" ${shipped})
    endforeach()

    set(destination "${CMAKE_INSTALL_DATADIR}/doc/${package}")
    install(DIRECTORY "${made}/" DESTINATION "${destination}" COMPONENT ${ARG_COMPONENT})
    foreach(folder IN LISTS ARG_FOLDERS)
        install(DIRECTORY "${PROJECT_SOURCE_DIR}/${folder}/" DESTINATION "${destination}/${folder}"
                COMPONENT ${ARG_COMPONENT})
    endforeach()
endfunction()
