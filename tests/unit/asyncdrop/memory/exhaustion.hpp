#pragma once
// Memory that runs out between an acquisition and the end of the cleanup: every allocation on the way fails
// once. No cleanup may get lost: it has run, or its guard is armed and the caller has an error.
//
// Threads: single-threaded.

#include <gtest/gtest.h>

#include <asyncdrop/error.hpp>
#include <asyncdrop/forgotten.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "tests/unit/asyncdrop/memory/failing_allocator.hpp"

namespace exhaustion_test {

namespace asio = boost::asio;
using failing_allocator::Pause;

/// Carries no string, so it needs no memory.
class CleanupFailed : public std::exception {
  public:
    const char* what() const noexcept override { return "cleanup failed"; }
};

/// Counts its cleanups, which suspend once. What the cleanup itself allocates never fails: that is its own
/// matter.
class Counted {
  public:
    explicit Counted(int& cleanups, bool fails = false) : cleanups_(&cleanups), fails_(fails) {}
    asio::awaitable<void> async_drop_impl() {
        {
            const Pause pause;
            const auto executor = co_await asio::this_coro::executor;
            co_await asio::post(executor, asio::use_awaitable);
        }
        ++*cleanups_;
        if (fails_) throw CleanupFailed();
    }

  private:
    int* cleanups_;
    bool fails_;
};

/// The same without suspending.
class Inline {
  public:
    explicit Inline(int& cleanups) : cleanups_(&cleanups) {}
    asio::awaitable<void> async_drop_impl() {
        ++*cleanups_;
        co_return;
    }

  private:
    int* cleanups_;
};

/// One run of a scenario.
struct Round {
    asio::io_context context;
    int first = 0;  // how often its cleanup ran
    int second = 0;
    int third = 0;
    std::function<void()> begin;  // memory may fail from here on
};

inline int forgotten = 0;
inline int printed = 0;

inline bool is_no_memory(const std::exception_ptr& error) {
    if (!error) return false;
    try {
        std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
        return true;
    } catch (...) {
        return false;
    }
}

/// Either cleaned up, or armed and reported; armed ones are dropped now.
template <class Owner>
void expect_not_lost(Owner& owner, const int& cleanups, const std::exception_ptr& error,
                     const std::function<void()>& drop_again) {
    if (owner) {
        EXPECT_TRUE(is_no_memory(error));
        EXPECT_EQ(cleanups, 0);
        drop_again();
    }
    EXPECT_EQ(cleanups, 1);
    EXPECT_TRUE(owner.is_dropped());
    EXPECT_EQ(forgotten, 0);
}

template <class Owner>
struct One {
    Owner owner;
};

/// From its begin() to its end memory may fail.
class Exhaustion : public testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        if (!failing_allocator::available()) GTEST_SKIP() << "the sanitizer has its own allocator";
        former_handler_ =
            asyncdrop::set_forgotten_handler([](const asyncdrop::ForgottenDrop&) noexcept { ++forgotten; });
        former_sink_ = asyncdrop::set_message_sink([](std::string_view) noexcept { ++printed; });
    }
    void TearDown() override {
        if (!former_handler_) return;
        asyncdrop::set_forgotten_handler(former_handler_);
        asyncdrop::set_message_sink(former_sink_);
    }

    /// Runs `scenario` once for every allocation between its begin() and its end, which fails. `check` looks
    /// at what is left, with the error that the scenario ended with.
    template <class State>
    void for_every_allocation(std::function<asio::awaitable<void>(Round&, State&)> scenario,
                              std::function<void(Round&, State&, std::exception_ptr)> check) {
        constexpr long limit = 500;
        for (long n = 1; n <= limit; ++n) {
            SCOPED_TRACE("allocation " + std::to_string(n));
            Round round;
            State state;
            forgotten = printed = 0;
            round.begin = [n] { failing_allocator::fail(n); };
            bool ended = false;
            std::exception_ptr error;
            run(round, scenario(round, state), ended, error);
            const bool happened = failing_allocator::stop();
            ASSERT_TRUE(ended) << "the coroutine was destroyed instead of getting the error";
            check(round, state, error);
            if (HasFailure()) return;
            if (!happened) {
                EXPECT_GT(n, 1) << "nothing was allocated, so nothing was tested";
                EXPECT_EQ(forgotten, 0);
                return;
            }
        }
        FAIL() << "more than " << limit << " allocations";
    }

    /// The same for one owner, made by `make`, that is dropped, and dropped again if need be; at last `check`
    /// looks at what else it owned.
    template <class Owner>
    void expect_never_lost(
        std::function<Owner(Round&)> make, std::function<void(Round&)> check = [](Round&) {}) {
        for_every_allocation<One<Owner>>(
            [make](Round& round, One<Owner>& state) { return drop_one<Owner>(make, round, state); },
            [check](Round& round, One<Owner>& state, const std::exception_ptr& error) {
                expect_not_lost(state.owner, round.first, error,
                                [&] { EXPECT_EQ(drop_again(round, state.owner.async_drop()), "no error"); });
                check(round);
            });
    }

    template <class Owner>
    static asio::awaitable<void> drop_one(std::function<Owner(Round&)> make, Round& round,
                                          One<Owner>& state) {
        state.owner = make(round);
        round.begin();
        co_await state.owner.async_drop();
    }

    /// Drops in a round where memory is there again.
    static std::string drop_again(Round& round, asio::awaitable<void> drop) {
        bool ended = false;
        std::exception_ptr error;
        failing_allocator::stop();
        run_plain(round, std::move(drop), ended, error);
        EXPECT_TRUE(ended);
        return error ? asyncdrop::detail::message_of(error) : "no error";
    }

  private:
    static asio::awaitable<void> guarded(asio::awaitable<void> scenario, bool& ended,
                                         std::exception_ptr& error) {
        {
            const Pause pause;
            const auto executor = co_await asio::this_coro::executor;
            co_await asio::post(executor, asio::use_awaitable);  // so that co_spawn's own post is not needed
        }
        try {
            co_await std::move(scenario);
        } catch (...) {
            error = std::current_exception();
        }
        failing_allocator::stop();
        ended = true;
    }

    static void run_plain(Round& round, asio::awaitable<void> scenario, bool& ended,
                          std::exception_ptr& error) {
        asio::co_spawn(round.context, guarded(std::move(scenario), ended, error),
                       [](const std::exception_ptr&) {});
        run_context(round);
    }

    void run(Round& round, asio::awaitable<void> scenario, bool& ended, std::exception_ptr& error) {
        if (!GetParam()) {
            run_plain(round, std::move(scenario), ended, error);
            return;
        }
        asio::cancellation_signal signal;
        asio::co_spawn(round.context, guarded(std::move(scenario), ended, error),
                       asio::bind_cancellation_slot(signal.slot(), [](const std::exception_ptr&) {}));
        run_context(round);
    }

    /// Asio's io_context keeps an exception of work that it runs inline and throws it from run(); a program
    /// that goes on calls run() again.
    static void run_context(Round& round) {
        round.context.restart();
        for (bool done = false; !done;) {
            try {
                round.context.run();
                done = true;
            } catch (const std::bad_alloc&) {
            }
        }
    }

    asyncdrop::ForgottenHandler former_handler_ = nullptr;
    asyncdrop::MessageSink former_sink_ = nullptr;
};

}  // namespace exhaustion_test
