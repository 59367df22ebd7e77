// std::uncaught_exceptions() without its price.
//
// Every guard notes at its birth how many exceptions are in flight, so that its death can tell unwinding from
// a forgotten drop. The standard function is three calls into shared libraries, as much as the rest of a
// guard with synchronous cleanup. Where the Itanium C++ ABI is in force, the count lies in a structure of
// this thread with a fixed layout (ABI, 2.2.2: a pointer, then an unsigned int); its address is looked up
// once in a thread. libc++ declares no function that tells the address, and gets the standard one.
//
// Threads: the address is kept for each thread.
#pragma once

#include <cstddef>
#include <exception>

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace asyncdrop::detail {

#if defined(__GLIBCXX__)

inline constinit thread_local const unsigned* uncaught_count = nullptr;

inline const unsigned* find_uncaught_count() noexcept {
    const void* const globals = abi::__cxa_get_globals();
    const void* const count = static_cast<const std::byte*>(globals) + sizeof(void*);
    return uncaught_count = static_cast<const unsigned*>(count);
}

// How many exceptions of this thread have been thrown and not yet caught.
inline int uncaught_exceptions() noexcept {
    const unsigned* count = uncaught_count;
    if (count == nullptr) [[unlikely]]
        count = find_uncaught_count();
    return static_cast<int>(*count);
}

#else

inline int uncaught_exceptions() noexcept {
    return std::uncaught_exceptions();
}

#endif

}  // namespace asyncdrop::detail
