// expect: with_async_drop: a factory returns a guard, or an awaitable of one \(by value\)
// A factory gives its guard away. One that exists already is named instead of a factory.
#include <asyncdrop/with_async_drop.hpp>

#include "file.hpp"

boost::asio::awaitable<void> run() {
    auto file = open_file();
    const auto body = [](File&) {};
#ifdef MISTAKE
    const auto find = [&file]() -> asyncdrop::AsyncDropGuard<File>& { return file; };
    co_await asyncdrop::with_async_drop(find, body);
#else
    co_await asyncdrop::with_async_drop(file, body);
#endif
}
