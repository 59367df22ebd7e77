// Where the library's functions that are no templates are compiled: everywhere, or once.
//
// Headers only, the default: a header includes the file of impl/ with its definitions, which are inline.
// Compiled once: ASYNCDROP_SEPARATE_COMPILATION is defined in the whole program, and one source file includes
// <asyncdrop/impl/src.hpp>; the CMake target asyncdrop::compiled does both.
//
// Threads: none of its own.
#pragma once

#include <asyncdrop/version.hpp>
#include <boost/asio/detail/thread_info_base.hpp>
#include <boost/asio/version.hpp>

#if defined(ASYNCDROP_SEPARATE_COMPILATION)

#define ASYNCDROP_DECL

namespace asyncdrop::detail {

// Asio's structures depend on these. A program whose parts disagree would corrupt its memory; this way it
// does not link, and the missing symbol's name says what was expected.
template <int asyncdrop_version, int asio_version, int recycling_allocator_cache_size>
struct CompiledOnceFor {
    static const char here;
};
using CompiledOnce =
    CompiledOnceFor<ASYNCDROP_VERSION, BOOST_ASIO_VERSION, BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE>;
template <>
const char CompiledOnce::here;

[[gnu::used]] inline const char* const compiled_once = &CompiledOnce::here;

}  // namespace asyncdrop::detail

#else

#define ASYNCDROP_DECL inline

#endif
