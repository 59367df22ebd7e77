// What tests with probes do in a context of their own: start something, let it go on as far as it can, and look.
//
// Threads: single-threaded.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

class ProbeTest : public testing::Test {
  protected:
    /// Lets everything run that can run now.
    void poll() {
        context.restart();
        context.poll();
    }

    /// Starts a drop; afterwards, and until it has ended, `dropped` holds no outcome.
    template <class D>
    std::optional<std::string> start_dropping(D& droppable) {
        dropped.reset();
        asio::co_spawn(context, droppable.async_drop(),
                       [this](const std::exception_ptr& error) { dropped = message_of(error); });
        poll();
        return dropped;
    }

    /// Starts a coroutine that the signal can cancel, which the caller keeps; its outcome will be in `ended`.
    void spawn_cancellable(asio::awaitable<void> coroutine, asio::cancellation_signal& signal) {
        ended.reset();
        asio::co_spawn(
            context, std::move(coroutine),
            asio::bind_cancellation_slot(signal.slot(), [&signal, this](const std::exception_ptr& error) {
                signal.slot().clear();
                ended = message_of(error);
            }));
    }
    /// The same, and lets it run.
    void start_cancellable(asio::awaitable<void> coroutine, asio::cancellation_signal& signal) {
        spawn_cancellable(std::move(coroutine), signal);
        poll();
    }

    /// Drops to the end, and throws the drop's error.
    template <class D>
    void drop(D& droppable) {
        test_support::run_coroutine(context, droppable.async_drop());
    }

    /// Runs a coroutine to its end.
    std::string outcome(asio::awaitable<void> coroutine) {
        try {
            test_support::run_coroutine(context, std::move(coroutine));
        } catch (const std::exception& error) {
            return error.what();
        }
        return "no error";
    }

    Journal journal;  // outlives the context, in which coroutines with probes may be left
    std::optional<std::string> dropped;
    std::optional<std::string> ended;
    asio::io_context context;
};
