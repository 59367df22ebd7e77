// Coroutines behind a shield that are no templates; see detail/shield.hpp.
#pragma once

#include <asyncdrop/detail/shield.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>

namespace asyncdrop::detail {

ASYNCDROP_DECL asio::awaitable<void> call_shielded(asio::awaitable<void> (*call)(void*),
                                                   void (*begin)(void*) noexcept, void* argument) {
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    Shield shield;
    if (can_be_cancelled(state)) {
        const ExchangeRoute raise = shield.exchange();
        co_await raise;
        co_await asio::this_coro::throw_if_cancelled(true);
    }
    std::exception_ptr error;
    try {
        asio::awaitable<void> called = call(argument);
        begin(argument);
        co_await std::move(called);
    } catch (...) {
        error = std::current_exception();
    }
    if (shield.up()) {
        const ExchangeRoute lower = shield.exchange();
        co_await asio::this_coro::throw_if_cancelled(false);
        co_await lower;
    }
    if (error) std::rethrow_exception(error);
}

ASYNCDROP_DECL asio::awaitable<void> nothing_to_await() {
    co_return;
}

}  // namespace asyncdrop::detail
