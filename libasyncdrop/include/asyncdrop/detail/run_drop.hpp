// The coroutine behind every async_drop(): starts the cleanup at most once, shields it, disarms.
//
// An Operation is a small copyable handle to a guard:
//   synchronous, needs_executor       constants
//   GuardCore& core();  std::string_view type();
//   auto start(executor)              calls the cleanup; a NoExecutor unless it needs one
//   void finish() noexcept            destroys the value and enters the state dropped
//   void collect(std::optional<E>&)   optional: where start()'s awaitable is to leave an error value, instead
//                                     of throwing it
// An Outcome is void, then errors are thrown, or a DropResult<E>, then they are returned.
//
// Invariants: armed until the cleanup has really started; finish() runs after it whether it failed or not;
// afterwards throw_if_cancelled(true) is in force, Asio's default, whatever even_if_cancelled had set.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/bridge.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/detail/shield.hpp>
#include <asyncdrop/exception_to_error.hpp>
#include <boost/system/result.hpp>
#include <new>
#include <optional>

namespace asyncdrop::detail {

// For a cleanup that runs wherever it is awaited.
struct NoExecutor {};

// Whether T's cleanup is a coroutine of another executor type than the library's.
template <class T>
inline constexpr bool drops_elsewhere =
    !SyncDroppable<T> &&
    !std::is_same_v<typename Awaited<drop_return_t<T>>::executor_type, asio::any_io_executor>;

// Calls T's cleanup: void or an awaitable of the library's kind. Throws ExecutorMismatch before it is
// called.
template <AsyncDrop T, class Caller>
auto start_cleanup(T& value, [[maybe_unused]] const Caller& caller) {
    if constexpr (drops_elsewhere<T>) {
        using Cleanup = Awaited<drop_return_t<T>>;
        using Executor = typename Cleanup::executor_type;
        const auto executor = [&]() -> Executor {
            if constexpr (requires { Executor(value.get_executor()); }) {
                return Executor(value.get_executor());
            } else {
                return executor_as<Executor>(caller);
            }
        }();
        return run_on<typename Cleanup::type, asio::any_io_executor>(executor,
                                                                     async_drop_traits<T>::async_drop(value));
    } else {
        return async_drop_traits<T>::async_drop(value);
    }
}

template <class Operation>
using CallerOf = std::conditional_t<Operation::needs_executor, asio::any_io_executor, NoExecutor>;

// For cleanup that is a plain noexcept function.
template <class Outcome, class Operation>
asio::awaitable<Outcome> run_sync_drop(Operation operation, DropTicket ticket) {
    ticket.started();
    if (operation.core().wants_drop(operation.type())) {
        operation.core().begin_drop();
        operation.start(NoExecutor());
        operation.finish();
    }
    co_await asio::this_coro::throw_if_cancelled(true);
    if constexpr (!std::is_void_v<Outcome>) co_return Outcome();
}

// In a catch block: what an exception out of a drop means for the guard. Without memory or a fitting
// executor the cleanup has not begun, and the guard stays armed; anything else was thrown by the cleanup,
// perhaps by its first, plain part.
template <class Operation>
std::exception_ptr note_thrown(Operation operation) noexcept {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return std::current_exception();
    } catch (const ExecutorMismatch&) {
        return std::current_exception();
    } catch (...) {
        if (operation.core().armed()) operation.core().begin_drop();
        return std::current_exception();
    }
}

// Where a cleanup may leave the error that the Outcome delivers.
template <class Outcome>
struct ErrorPlace {
    std::optional<typename Outcome::error_type> error;
};
template <>
struct ErrorPlace<void> {};

// The exception of a drop as an Outcome, or thrown if that cannot tell it.
template <class Outcome>
Outcome deliver(const std::exception_ptr& error) {
    if constexpr (std::is_void_v<Outcome>) {
        std::rethrow_exception(error);
    } else if constexpr (TellsExceptions<typename Outcome::error_type>) {
        return Outcome(boost::system::in_place_error,
                       exception_to_error<typename Outcome::error_type>::convert(error));
    } else {
        std::rethrow_exception(error);
    }
}

// g++ 12 takes the frame of this coroutine for a type of external linkage, also for a T of an anonymous
// namespace.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif

template <bool shielded, class Outcome, class Operation>
asio::awaitable<Outcome> run_async_drop(Operation operation, DropTicket ticket) {
    using Cleanup = decltype(operation.start(std::declval<const CallerOf<Operation>&>()));
    using Result = typename Awaited<Cleanup>::type;
    constexpr bool returns_result = !std::is_void_v<Result>;

    ticket.started();
    if (!operation.core().wants_drop(operation.type())) {
        co_await asio::this_coro::throw_if_cancelled(true);
        if constexpr (std::is_void_v<Outcome>) {
            co_return;
        } else {
            co_return Outcome();
        }
    }

    [[maybe_unused]] ErrorPlace<Outcome> place;
    if constexpr (requires { operation.collect(place.error); }) operation.collect(place.error);
    [[maybe_unused]] std::optional<std::conditional_t<returns_result, Result, NoExecutor>> result;
    std::exception_ptr error;
    DropRun run;
    Shield shield;
    try {
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        CallerOf<Operation> caller;
        if constexpr (Operation::needs_executor) caller = co_await asio::this_coro::executor;
        if (shielded && can_be_cancelled(state)) {
            const ExchangeRoute raise = shield.exchange();
            co_await raise;
            co_await asio::this_coro::throw_if_cancelled(true);
        }
        Cleanup cleanup = operation.start(caller);
        operation.core().begin_drop();
        run.begin(operation.core());
        if constexpr (returns_result) {
            result.emplace(co_await std::move(cleanup));
        } else {
            co_await std::move(cleanup);
        }
    } catch (...) {
        error = note_thrown(operation);
    }
    run.end();
    if (operation.core().dropping()) operation.finish();
    if (shield.up()) {
        const ExchangeRoute lower = shield.exchange();
        co_await lower;
    }
    co_await asio::this_coro::throw_if_cancelled(true);

    if constexpr (std::is_void_v<Outcome>) {
        if constexpr (returns_result) {
            if (result && !result->has_value()) {
                error = to_exception(result->error());
            }
        }
        if (error) std::rethrow_exception(error);
    } else {
        if constexpr (std::is_same_v<Outcome, Result>) {
            if (result) co_return std::move(*result);
        } else if constexpr (returns_result) {
            if (result && !result->has_value()) {
                co_return Outcome(boost::system::in_place_error, result->error());
            }
        }
        if (error) co_return deliver<Outcome>(error);
        if (place.error) co_return Outcome(boost::system::in_place_error, std::move(*place.error));
        co_return Outcome();
    }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

// The awaitable that drops what `operation` refers to. Without `shielded` the caller's cancellation reaches
// the cleanup.
template <bool shielded, class Outcome, class Operation>
asio::awaitable<Outcome> run_drop(Operation operation) {
    if constexpr (Operation::synchronous) {
        return run_sync_drop<Outcome>(operation, DropTicket(operation.core()));
    } else {
        return run_async_drop<shielded, Outcome>(operation, DropTicket(operation.core()));
    }
}

}  // namespace asyncdrop::detail
