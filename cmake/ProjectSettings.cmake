# Settings of this repository's own targets (never of a consumer's): warnings, sanitizers, and Asio
# compiled once instead of in every translation unit.
include_guard(GLOBAL)

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)

add_library(project_settings INTERFACE)
target_compile_features(project_settings INTERFACE cxx_std_20)
target_include_directories(project_settings INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(project_settings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror)
# Messages name source files; not where they lay on the machine that built them.
# (A ccache with a base_dir makes their paths relative to the build folder before the compiler sees them.)
file(RELATIVE_PATH source_from_build "${CMAKE_BINARY_DIR}" "${PROJECT_SOURCE_DIR}")
if(NOT source_from_build MATCHES "/$")
    string(APPEND source_from_build "/")
endif()
target_compile_options(project_settings INTERFACE "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/="
                                                  "-fmacro-prefix-map=${source_from_build}=")
target_compile_definitions(project_settings INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                                                      BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16)
target_link_libraries(project_settings INTERFACE Threads::Threads Boost::headers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 reports these inside libstdc++ and Asio headers, where nothing can be done about them.
    target_compile_options(project_settings INTERFACE -fcoroutines -Wno-mismatched-new-delete -Wno-maybe-uninitialized -Wno-restrict)
endif()
if(ASYNCDROP_SANITIZE)
    target_compile_options(project_settings INTERFACE -fsanitize=${ASYNCDROP_SANITIZE} -fno-omit-frame-pointer
                                                      -fno-sanitize-recover=all)
    target_link_options(project_settings INTERFACE -fsanitize=${ASYNCDROP_SANITIZE})
endif()

add_library(asio_impl STATIC "${PROJECT_SOURCE_DIR}/cmake/asio_impl.cpp")
target_link_libraries(asio_impl PUBLIC project_settings)
