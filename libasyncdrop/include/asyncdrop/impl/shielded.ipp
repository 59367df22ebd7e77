// shielded(); see detail/shielded.hpp.
#pragma once

#include <asyncdrop/detail/shield.hpp>
#include <asyncdrop/detail/shielded.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>

namespace asyncdrop::detail {

ASYNCDROP_DECL asio::awaitable<void> shielded(asio::awaitable<void> work) {
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    Shield shield;
    if (can_be_cancelled(state)) {
        const ExchangeRoute raise = shield.exchange();
        co_await raise;
        co_await asio::this_coro::throw_if_cancelled(true);
    } else {
        co_await asio::this_coro::throw_if_cancelled(false);
    }
    std::exception_ptr error;
    try {
        co_await std::move(work);
    } catch (...) {
        error = std::current_exception();
    }
    if (shield.up()) {
        const ExchangeRoute lower = shield.exchange();
        co_await lower;
    }
    co_await asio::this_coro::throw_if_cancelled(true);
    if (error) std::rethrow_exception(error);
}

}  // namespace asyncdrop::detail
