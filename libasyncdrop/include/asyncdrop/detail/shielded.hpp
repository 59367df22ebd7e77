// Awaits a coroutine out of reach of its caller's cancellation; for waits that belong to a cleanup.
//
// As with every async_drop: a caller that is already cancelled starts it under even_if_cancelled, and
// throw_if_cancelled(true) is in force afterwards.
//
// Threads: `work` runs on the caller's executor.
#pragma once

#include <asyncdrop/detail/shield.hpp>
#include <exception>
#include <utility>

namespace asyncdrop::detail {

inline asio::awaitable<void> shielded(asio::awaitable<void> work) {
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    std::exception_ptr error;
    co_await asio::this_coro::throw_if_cancelled(false);
    try {
        if (can_be_cancelled(state)) {
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            Prepared<asio::any_io_executor> start(std::move(work));
            asio::awaitable<void> spawned = spawn_shielded(executor, std::move(start));
            co_await std::move(spawned);
        } else {
            co_await std::move(work);
        }
    } catch (...) {
        error = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(true);
    if (error) std::rethrow_exception(error);
}

}  // namespace asyncdrop::detail
