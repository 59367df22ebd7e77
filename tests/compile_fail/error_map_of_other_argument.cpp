// expect: an error map is called with a std::exception_ptr
// g++ 12: error: static assertion failed: an error map is called with a std::exception_ptr
// The error of a cleanup may be any exception.
#include <asyncdrop/with_async_drop.hpp>

#include "file.hpp"

auto run() {
#ifdef MISTAKE
    return asyncdrop::error_map([](const std::runtime_error& error) { return error; });
#else
    return asyncdrop::error_map([](std::exception_ptr error) { return error; });
#endif
}
