#pragma once
// Runs coroutines that block (files, standard input) on threads that may be blocked.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace shared_creation {

namespace asio = boost::asio;

/// Awaits `work` on `threads`, then goes on where the caller runs. What blocks cannot be interrupted, so it
/// does not hear of a cancellation: the caller's next await will tell.
template <class T>
asio::awaitable<T> run_blocking(asio::any_io_executor threads, asio::awaitable<T> work) {
    auto uninterrupted = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
    asio::awaitable<T> running = asio::co_spawn(threads, std::move(work), uninterrupted);
    return running;
}

}  // namespace shared_creation
