// expect: with_async_drop takes a guard by reference
// g++ 12: error: static assertion failed: with_async_drop takes a guard by reference: name the guard, or pass a factory
// As in a bracket without a deadline.
#include <asyncdrop/drop_deadline.hpp>

#include "file.hpp"

boost::asio::awaitable<void> run() {
    const auto deadline = asyncdrop::drop_deadline(std::chrono::seconds(5));
    auto file = open_file();
    const auto body = [](File&) {};
#ifdef MISTAKE
    co_await asyncdrop::with_async_drop(std::move(file), body, deadline);
#else
    co_await asyncdrop::with_async_drop(file, body, deadline);
#endif
}
