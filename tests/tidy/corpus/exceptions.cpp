// What the option ThrowingCalls adds. Read with each of its values: `awaits` is found with Awaits and with All, `all`
// only with All, and nothing of it with None.
#include "resources.hpp"

namespace corpus {

// [snippet: await_throws]
asio::awaitable<void> the_read_may_fail() {
    auto file = co_await open("a");  // expect awaits: asyncdrop-forgotten-drop
    co_await file->read();
    co_await file.async_drop();
}
// [end]

asio::awaitable<void> in_a_try() {
    try {
        auto file = co_await open("a");  // expect awaits: asyncdrop-forgotten-drop
        co_await file->read();
        co_await file.async_drop();
    } catch (const std::runtime_error&) {
        work();
    }
}

asio::awaitable<void> caught_outside() {
    try {
        auto file = co_await open("a");  // expect awaits: asyncdrop-forgotten-drop
        co_await file->read();
        co_await file.async_drop();
    } catch (...) {
        work();
    }
}

asio::awaitable<void> not_every_exception_is_caught() {
    auto file = co_await open("a");  // expect all: asyncdrop-forgotten-drop
    try {
        co_await file->read();
    } catch (const std::runtime_error&) {
        work();
    }
    co_await file.async_drop();
}

asio::awaitable<void> a_call_may_fail() {
    auto file = co_await open("a");  // expect all: asyncdrop-forgotten-drop
    work();
    co_await file.async_drop();
}

asio::awaitable<void> nothing_in_between_may_fail() {
    auto file = make_file();
    const bool now = ready();
    static_cast<void>(now);
    co_await asyncdrop::even_if_cancelled;
    co_await file.async_drop();
}

asio::awaitable<void> everything_is_caught() {
    auto file = make_file();
    std::exception_ptr failure;
    try {
        work();
        co_await file->read();
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    co_await file.async_drop();
    if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> a_bracket() {
    auto open_it = [] { return open("a"); };
    auto use = [](File& file) { return file.read(); };
    co_await asyncdrop::with_async_drop(open_it, use);
}

}  // namespace corpus
