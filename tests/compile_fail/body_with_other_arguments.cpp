// expect: with_async_drop: the body is called with a reference to each guarded value
// g++ 12: error: static assertion failed: with_async_drop: the body is called with a reference to each guarded value
// A bracket of two resources, and a body that takes one.
#include <asyncdrop/with_async_drop.hpp>

#include "file.hpp"

boost::asio::awaitable<void> run() {
    const auto open = [] { return open_file(); };
#ifdef MISTAKE
    const auto body = [](File&) {};
#else
    const auto body = [](File&, File&) {};
#endif
    co_await asyncdrop::with_async_drop(open, open, body);
}
