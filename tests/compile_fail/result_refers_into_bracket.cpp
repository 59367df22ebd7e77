// expect: with_async_drop: the result outlives the resource, return a value
// g++ 12: error: static assertion failed: with_async_drop: the result outlives the resource, return a value
// When the reference comes out, the file is closed.
#include <asyncdrop/with_async_drop.hpp>

#include "file.hpp"

boost::asio::awaitable<int> run() {
    const auto open = [] { return open_file(); };
#ifdef MISTAKE
    const auto body = [](File& file) -> File& { return file; };
    const File& file = co_await asyncdrop::with_async_drop(open, body);
    co_return file.read();
#else
    const auto body = [](File& file) { return file.read(); };
    co_return co_await asyncdrop::with_async_drop(open, body);
#endif
}
