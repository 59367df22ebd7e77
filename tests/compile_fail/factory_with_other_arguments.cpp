// expect: a factory takes no arguments, or the values acquired before it
// g++ 12: error: static assertion failed: with_async_drop: a factory takes no arguments, or the values acquired before it
// The second factory of a bracket may take the first one's value.
#include <asyncdrop/with_async_drop.hpp>

#include "file.hpp"

boost::asio::awaitable<void> run() {
    const auto open = [] { return open_file(); };
#ifdef MISTAKE
    const auto open_next = [](int) { return open_file(); };
#else
    const auto open_next = [](File&) { return open_file(); };
#endif
    const auto body = [](File&, File&) {};
    co_await asyncdrop::with_async_drop(open, open_next, body);
}
