// The coroutine behind every async_drop(): starts the cleanup at most once, shields it, disarms.
//
// An Operation is a small copyable handle to a guard:
//   GuardCore& core();  std::string_view type();  auto start();  void finish() noexcept;
// start() calls the cleanup, finish() destroys the value and enters the state dropped.
//
// Invariants: armed until the cleanup has really started; finish() runs after it whether it failed or not;
// afterwards throw_if_cancelled(true) is in force, Asio's default, whatever even_if_cancelled had set.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/detail/guard_core.hpp>
#include <asyncdrop/detail/shield.hpp>
#include <new>
#include <optional>

namespace asyncdrop::detail {

/// Awaits a cleanup that has a result and stores it, so that only awaitable<void> need be spawned.
template <class R>
asio::awaitable<void> await_into(std::optional<R>& result, asio::awaitable<R> cleanup) {
    result.emplace(co_await std::move(cleanup));
}

/// What the shield spawns: calls the cleanup and marks the guard as dropping at the moment it starts.
template <class Operation, class Result>
class ShieldedStart {
  public:
    ShieldedStart(Operation operation, std::optional<Result>& result)
        : operation_(operation), result_(&result) {}

    asio::awaitable<void> operator()() {
        asio::awaitable<void> cleanup = call();
        operation_.core().begin_drop();
        return cleanup;
    }

  private:
    asio::awaitable<void> call() {
        if constexpr (std::is_same_v<decltype(operation_.start()), asio::awaitable<void>>) {
            return operation_.start();
        } else {
            return await_into(*result_, operation_.start());
        }
    }

    Operation operation_;
    std::optional<Result>* result_;
};

/// For cleanup that is a plain noexcept function.
template <class Operation>
asio::awaitable<void> run_sync_drop(Operation operation, DropTicket ticket) {
    ticket.started();
    if (operation.core().wants_drop(operation.type())) {
        operation.core().begin_drop();
        operation.start();
        operation.finish();
    }
    co_await asio::this_coro::throw_if_cancelled(true);
}

template <bool shielded, class Operation>
asio::awaitable<void> run_async_drop(Operation operation, DropTicket ticket) {
    using Cleanup = decltype(operation.start());
    using Result = typename AwaitedResult<Cleanup>::type;
    constexpr bool returns_result = !std::is_void_v<Result>;

    ticket.started();
    if (!operation.core().wants_drop(operation.type())) {
        co_await asio::this_coro::throw_if_cancelled(true);
        co_return;
    }

    using Stored = std::conditional_t<returns_result, Result, bool>;
    std::exception_ptr error;
    std::optional<Stored> result;
    try {
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        if (!shielded || !can_be_cancelled(state)) {
            Cleanup cleanup = operation.start();
            operation.core().begin_drop();
            if constexpr (returns_result) {
                result.emplace(co_await std::move(cleanup));
            } else {
                co_await std::move(cleanup);
            }
        } else {
            co_await asio::this_coro::throw_if_cancelled(false);
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            ShieldedStart<Operation, Stored> start(operation, result);
            asio::awaitable<void> spawned = spawn_shielded(executor, std::move(start));
            co_await std::move(spawned);
        }
    } catch (const std::bad_alloc&) {
        error =
            std::current_exception();  // before the start: no frame for the cleanup, the guard stays armed
    } catch (...) {
        error = std::current_exception();
        if (operation.core().armed())
            operation.core().begin_drop();  // thrown by the cleanup's first, plain part
    }
    if (operation.core().state() == DropState::dropping) operation.finish();
    co_await asio::this_coro::throw_if_cancelled(true);

    if constexpr (returns_result) {
        if (result && !result->has_value()) error = to_exception(result->error());
    }
    if (error) std::rethrow_exception(error);
}

/// The awaitable that drops what `operation` refers to.
template <class Operation>
asio::awaitable<void> run_drop(Operation operation) {
    DropTicket ticket(operation.core());
    if constexpr (std::is_void_v<decltype(operation.start())>) {
        return run_sync_drop(operation, std::move(ticket));
    } else {
        return run_async_drop<true>(operation, std::move(ticket));
    }
}

/// The same without the shield: the caller's cancellation reaches the cleanup.
template <class Operation>
asio::awaitable<void> run_unshielded_drop(Operation operation) {
    DropTicket ticket(operation.core());
    if constexpr (std::is_void_v<decltype(operation.start())>) {
        return run_sync_drop(operation, std::move(ticket));
    } else {
        return run_async_drop<false>(operation, std::move(ticket));
    }
}

}  // namespace asyncdrop::detail
