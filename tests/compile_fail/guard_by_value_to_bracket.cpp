// expect: with_async_drop takes a guard by reference
// g++ 12: error: static assertion failed: with_async_drop takes a guard by reference (a coroutine that Asio refuses to start would destroy it with its parameters): name the guard, or pass a factory
// A coroutine that Asio refuses to start would destroy the guard with its parameters.
#include <asyncdrop/with_async_drop.hpp>

#include "file.hpp"

boost::asio::awaitable<void> run() {
    auto file = open_file();
    const auto body = [](File&) {};
#ifdef MISTAKE
    co_await asyncdrop::with_async_drop(std::move(file), body);
#else
    co_await asyncdrop::with_async_drop(file, body);
#endif
}
