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

/// What the shield spawns: marks the guard as dropping at the moment its cleanup starts.
template <class Operation>
class StartMarker {
  public:
    StartMarker(Operation operation, asio::awaitable<void> cleanup)
        : operation_(operation), cleanup_(std::move(cleanup)) {}

    asio::awaitable<void> operator()() {
        operation_.core().begin_drop();
        return std::move(cleanup_);
    }

  private:
    Operation operation_;
    asio::awaitable<void> cleanup_;
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

template <class Operation>
asio::awaitable<void> run_async_drop(Operation operation, DropTicket ticket) {
    using Cleanup = decltype(operation.start());
    using Result = typename AwaitedResult<Cleanup>::type;
    constexpr bool returns_result = !std::is_void_v<Result>;

    ticket.started();
    if (!operation.core().wants_drop(operation.type())) {
        co_await asio::this_coro::throw_if_cancelled(true);
        co_return;
    }

    std::exception_ptr error;
    std::optional<std::conditional_t<returns_result, Result, int>> result;
    try {
        Cleanup cleanup = operation.start();
        const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
        if (!can_be_cancelled(state)) {
            operation.core().begin_drop();
            if constexpr (returns_result) {
                result.emplace(co_await std::move(cleanup));
            } else {
                co_await std::move(cleanup);
            }
        } else {
            co_await asio::this_coro::throw_if_cancelled(false);
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            if constexpr (returns_result) {
                asio::awaitable<void> stored = await_into(result, std::move(cleanup));
                StartMarker<Operation> marker(operation, std::move(stored));
                asio::awaitable<void> spawned = spawn_shielded(executor, std::move(marker));
                co_await std::move(spawned);
            } else {
                StartMarker<Operation> marker(operation, std::move(cleanup));
                asio::awaitable<void> spawned = spawn_shielded(executor, std::move(marker));
                co_await std::move(spawned);
            }
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
        return run_async_drop(operation, std::move(ticket));
    }
}

}  // namespace asyncdrop::detail
