// Drops one after the other; see drop_in_order.hpp.
#pragma once

#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

namespace asyncdrop::detail {

ASYNCDROP_DECL boost::asio::awaitable<void> run_in_order(std::span<DropJob> jobs) {
    for (DropJob& job : jobs) {
        co_await even_if_cancelled;
        try {
            boost::asio::awaitable<void> dropping = job.start(job.guard);
            co_await std::move(dropping);
        } catch (...) {
            job.failure.error = std::current_exception();
        }
    }
    co_await boost::asio::this_coro::throw_if_cancelled(true);
}

}  // namespace asyncdrop::detail
