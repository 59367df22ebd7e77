// Coroutines of different executor types awaiting each other.
//
// The library's coroutines are asio::awaitable<T>, whose executor is an any_io_executor. A program may use
// asio::awaitable<T, asio::io_context::executor_type>, or a strand's, or a thread_pool's; Asio lets an
// awaitable be awaited only by coroutines of the same type. Three bridges lead across:
//
//     asio::awaitable<void, Executor> close(AsyncDropGuard<File>& file, AsyncDropMutex<Log>& log) {
//         co_await file.async_drop(asio::use_awaitable_t<Executor>());          // a drop
//         auto lock = co_await asyncdrop::bridge_to<Executor>(log.lock());       // anything of the library
//         co_await asyncdrop::with_async_drop(open, use);     // open or use: awaitables with this Executor
//     }
//
// In the other direction, cleanups, factories and bodies may be awaitable<T, Executor>. They run on the
// executor of the coroutine that needs them, if that is an Executor (a cleanup: on value.get_executor() if
// there is one); else ExecutorMismatch is thrown, and a guard stays armed. Two things run on strands of the
// library's own, which match nothing: creations of an AsyncDropShared, which must be awaitable<T>, and
// cleanups that a TeardownGraph may cancel, which need the get_executor().
//
// Threads: what is awaited runs on its caller's executor. Cancellation is handed on.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/detail/spawn.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace asyncdrop {

namespace asio = boost::asio;

/// A coroutine needs an executor type that neither its resource nor its caller can offer.
class ExecutorMismatch : public std::logic_error {
  public:
    ExecutorMismatch();
};

namespace detail {

// What a TeardownExecutor wraps; null for any other executor.
const asio::any_io_executor* inside_teardown_executor(const asio::any_io_executor& executor) noexcept;

// The executor inside, if it is an Executor; throws ExecutorMismatch otherwise.
template <class Executor>
Executor executor_as(const asio::any_io_executor& executor) {
    const asio::any_io_executor* at = &executor;
    while (at != nullptr) {
        if (const Executor* found = at->template target<Executor>()) return *found;
        at = inside_teardown_executor(*at);
    }
    throw ExecutorMismatch();
}

template <class R, class To, class From>
asio::awaitable<R, To> run_on(From executor, asio::awaitable<R, From> work) {
    const bool throws_if_cancelled = co_await asio::this_coro::throw_if_cancelled();
    Ending<R> ending;
    asio::awaitable<void, From> noted = note_ending(std::move(work), ending);
    Prepared<From> start(std::move(noted));
    asio::awaitable<void, To> spawned = spawn_and_wait<To>(std::move(executor), std::move(start));
    co_await asio::this_coro::throw_if_cancelled(false);
    std::exception_ptr failed;
    try {
        co_await std::move(spawned);
    } catch (...) {
        failed = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(throws_if_cancelled);
    if (ending.error) std::rethrow_exception(ending.error);
    if (!ending.ended()) std::rethrow_exception(failed);
    if constexpr (!std::is_void_v<R>) co_return std::move(*ending.result);
}

template <class R, class To>
asio::awaitable<R, To> bridge_from_any(asio::awaitable<R> work) {
    const To executor = co_await asio::this_coro::executor;
    const asio::any_io_executor erased(executor);
    asio::awaitable<R, To> crossing = run_on<R, To>(erased, std::move(work));
    co_return co_await std::move(crossing);
}

template <class R, class From>
asio::awaitable<R> bridge_from(asio::awaitable<R, From> work) {
    const asio::any_io_executor caller = co_await asio::this_coro::executor;
    From executor = executor_as<From>(caller);
    asio::awaitable<R> crossing = run_on<R, asio::any_io_executor>(std::move(executor), std::move(work));
    co_return co_await std::move(crossing);
}

// Any awaitable as one of the library's kind; what is no awaitable stays what it is.
template <class X>
X as_any(X&& value) {
    return std::forward<X>(value);
}
template <class R, class From>
asio::awaitable<R> as_any(asio::awaitable<R, From>&& work) {
    if constexpr (std::is_same_v<From, asio::any_io_executor>) {
        return std::move(work);
    } else {
        return bridge_from(std::move(work));
    }
}

}  // namespace detail

/// `work`, to be awaited by a coroutine whose executor is a To. Errors and cancellation: those of `work`.
template <class To, class R>
[[nodiscard]] asio::awaitable<R, To> bridge_to(asio::awaitable<R> work) {
    if constexpr (std::is_same_v<To, asio::any_io_executor>) {
        return work;
    } else {
        return detail::bridge_from_any<R, To>(std::move(work));
    }
}

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/bridge.ipp>
#endif
