#pragma once
// Runs one coroutine of a test to its end on the test's own thread.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <concepts>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace test_support {
namespace detail {

template <class T>
boost::asio::awaitable<void> store_result(boost::asio::awaitable<T> coroutine, std::optional<T>& result) {
    result.emplace(co_await std::move(coroutine));
}

}  // namespace detail

/// Runs `context` until `coroutine` has ended and returns what it returned or throws what it threw. Other
/// work of the context runs meanwhile. Throws std::logic_error if the context has nothing left to run before
/// that.
inline void run_coroutine(boost::asio::io_context& context, boost::asio::awaitable<void> coroutine) {
    bool done = false;
    std::exception_ptr error;
    boost::asio::co_spawn(context, std::move(coroutine), [&](std::exception_ptr failure) {
        done = true;
        error = failure;
    });
    context.restart();
    while (!done) {
        if (context.run_one() == 0)
            throw std::logic_error("The coroutine waits for something that never happens.");
    }
    if (error) std::rethrow_exception(error);
}

template <class T>
T run_coroutine(boost::asio::io_context& context, boost::asio::awaitable<T> coroutine) {
    std::optional<T> result;
    run_coroutine(context, detail::store_result(std::move(coroutine), result));
    return std::move(*result);
}

/// The same for a function that returns the awaitable; a lambda with captures is kept alive until its
/// coroutine ended.
template <std::invocable F>
auto run_coroutine(boost::asio::io_context& context, F&& function) {
    return run_coroutine(context, function());
}

}  // namespace test_support
