// expect: try_with_async_drop: the result outlives the resource, return a value
// g++ 12: error: static assertion failed: try_with_async_drop: the result outlives the resource, return a value
// When the reference comes out, the file is closed.
#include <asyncdrop/try_with_async_drop.hpp>

#include "file.hpp"

boost::asio::awaitable<bool> run() {
    const auto open = [] { return open_file(); };
#ifdef MISTAKE
    const auto body = [](File& file) -> File& { return file; };
#else
    const auto body = [](File& file) { return file.read(); };
#endif
    const auto result = co_await asyncdrop::try_with_async_drop(open, body);
    co_return result.has_value();
}
