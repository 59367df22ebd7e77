#pragma once
// What the tests of scopes and tasks have in common: coroutines that wait in a gate or fail.
//
// Threads: single-threaded.

#include <gtest/gtest.h>

#include <asyncdrop/install.hpp>
#include <asyncdrop/scope.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe_test.hpp"

namespace scope_test {

using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropScope;
using test_support::run_coroutine;

inline asio::awaitable<void> yield() {
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
}

class ScopeTest : public ProbeTest {
  protected:
    AsyncDropGuard<AsyncDropScope> make_scope(
        asyncdrop::WhenDropped when_dropped = asyncdrop::WhenDropped::join) {
        return AsyncDropScope::create(context.get_executor(), when_dropped);
    }

    /// Journal: "begin", then "end" when the gate is open, or "cancelled".
    asio::awaitable<void> passing(std::string name) {
        journal.add("begin " + name);
        try {
            co_await gate.pass();
        } catch (const boost::system::system_error&) {
            journal.add("cancelled " + name);
            throw;
        }
        journal.add("end " + name);
    }
    static asio::awaitable<void> failing_task(std::string message) {
        co_await yield();
        throw std::runtime_error(message);
    }
    static asio::awaitable<int> number() {
        co_await yield();
        co_return 42;
    }

    Gate gate;
    Gate second_gate;
};

}  // namespace scope_test
