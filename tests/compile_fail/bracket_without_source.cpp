// expect: with_async_drop takes at least one factory or guard and a body
// g++ 12: error: static assertion failed: with_async_drop takes at least one factory or guard and a body
// A body and a map of errors, and nothing that could be dropped.
#include <asyncdrop/with_async_drop.hpp>

#include "file.hpp"

boost::asio::awaitable<void> run() {
    const auto open = [] { return open_file(); };
    const auto body = [](File&) {};
    const auto keep = [](std::exception_ptr error) { return error; };
#ifdef MISTAKE
    co_await asyncdrop::with_async_drop(body, asyncdrop::error_map(keep));
#else
    co_await asyncdrop::with_async_drop(open, body, asyncdrop::error_map(keep));
#endif
}
