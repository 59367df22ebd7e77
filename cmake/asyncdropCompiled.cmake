# Defines asyncdrop::compiled from the source file that asyncdrop_compiled_source names: a static library with what is
# no template. It is built in the project that uses it, with that project's compiler and flags, and only if some target
# links it. Whatever sets macros of Asio for the whole program belongs to it, too:
#     target_link_libraries(asyncdrop_compiled PUBLIC asyncdrop::recycling)
if(NOT TARGET asyncdrop_compiled)
    add_library(asyncdrop_compiled STATIC EXCLUDE_FROM_ALL "${asyncdrop_compiled_source}")
    add_library(asyncdrop::compiled ALIAS asyncdrop_compiled)
    target_compile_definitions(asyncdrop_compiled PUBLIC ASYNCDROP_SEPARATE_COMPILATION)
    target_link_libraries(asyncdrop_compiled PUBLIC asyncdrop::asyncdrop)
    set_target_properties(asyncdrop_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON)
endif()
