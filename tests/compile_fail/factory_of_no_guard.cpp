// expect: with_async_drop: a factory returns a guard, or an awaitable of one
// g++ 12: error: static assertion failed: with_async_drop: a factory returns a guard, or an awaitable of one (by value)
// A number has no cleanup.
#include <asyncdrop/with_async_drop.hpp>

#include "file.hpp"

boost::asio::awaitable<void> run() {
#ifdef MISTAKE
    const auto open = [] { return 3; };
    const auto body = [](int) {};
#else
    const auto open = [] { return open_file(); };
    const auto body = [](File&) {};
#endif
    co_await asyncdrop::with_async_drop(open, body);
}
