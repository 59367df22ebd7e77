// expect: try_with_async_drop: a factory returns a guard, a box or an Arc, or a result of one
// g++ 12: error: static assertion failed: try_with_async_drop: a factory returns a guard, a box or an Arc, or a result of one
// A result of a number has no cleanup.
#include <asyncdrop/try_with_async_drop.hpp>

#include "file.hpp"

boost::asio::awaitable<bool> run() {
#ifdef MISTAKE
    const auto open = [] { return boost::system::result<int>(3); };
    const auto body = [](int& number) { return number; };
#else
    const auto open = [] { return open_file(); };
    const auto body = [](File& file) { return file.read(); };
#endif
    const auto result = co_await asyncdrop::try_with_async_drop(open, body);
    co_return result.has_value();
}
