// What one writes around a connection without the library: a bracket with try and catch, and a shield against
// cancellation.
//
// Threads: one strand.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <type_traits>
#include <utility>

#include "connection.hpp"

namespace asyncdrop_bench {

/// What a careful author writes around a cleanup that must not be cancelled.
template <class C>
asio::awaitable<void> close_shielded(C& connection) {
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto executor = co_await asio::this_coro::executor;
    std::exception_ptr error;
    try {
        asio::awaitable<void> closing =
            asio::co_spawn(executor, connection.close(),
                           asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
        co_await std::move(closing);
    } catch (...) {
        error = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    if (error) std::rethrow_exception(error);
}

/// How try_and_catch closes a connection.
struct Plain {
    template <class C>
    static asio::awaitable<void> close(C& connection) {
        return connection.close();
    }
};
struct Shielded {
    template <class C>
    static asio::awaitable<void> close(C& connection) {
        return close_shielded(connection);
    }
};

/// The first error wins; a cleanup's error after a body's is lost, which the bracket does better.
template <class How, class Open, class Body>
asio::awaitable<void> try_and_catch(Open open, Body body) {
    auto connection = open();
    std::exception_ptr error;
    try {
        if constexpr (std::is_void_v<decltype(body(connection))>) {
            body(connection);
        } else {
            co_await body(connection);
        }
    } catch (...) {
        error = std::current_exception();
    }
    try {
        co_await How::close(connection);
    } catch (...) {
        if (!error) error = std::current_exception();
    }
    if (error) std::rethrow_exception(error);
}

}  // namespace asyncdrop_bench
