// Starts and cancellations; see detail/launch.hpp.
#pragma once

#include <asyncdrop/detail/launch.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace asyncdrop::detail {

ASYNCDROP_DECL void launch(const boost::asio::any_io_executor& executor, boost::asio::awaitable<void> work) {
    boost::asio::co_spawn(executor, std::move(work), boost::asio::detached);
}

ASYNCDROP_DECL boost::asio::awaitable<void> launch_cancellable(const boost::asio::any_io_executor& executor,
                                                               boost::asio::awaitable<void> work,
                                                               boost::asio::cancellation_signal& signal) {
    return boost::asio::co_spawn(
        executor, std::move(work),
        boost::asio::bind_cancellation_slot(signal.slot(), boost::asio::use_awaitable));
}

ASYNCDROP_DECL void emit_on(const boost::asio::any_io_executor& executor,
                            std::weak_ptr<boost::asio::cancellation_signal> signal) noexcept try {
    boost::asio::post(executor, [signal = std::move(signal)] {
        if (const auto alive = signal.lock()) alive->emit(boost::asio::cancellation_type::terminal);
    });
} catch (...) {  // no memory
}

}  // namespace asyncdrop::detail
