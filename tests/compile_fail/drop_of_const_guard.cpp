// expect: a const guard cannot be dropped
// g++ 12: error: static assertion failed: a const guard cannot be dropped: its cleanup changes the resource, and the guard
// async_drop changes the guard, so its binding must not be const.
#include "file.hpp"

boost::asio::awaitable<void> run() {
#ifdef MISTAKE
    const auto file = open_file();
    co_await file.async_drop();
#else
    auto file = open_file();
    co_await file.async_drop();
#endif
}
