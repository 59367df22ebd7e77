// The cancellation slot, the allocator and the executor that are bound to a drop's completion token.

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/guard.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asio::cancellation_type;
using test_support::run_coroutine;

class TokenCancellation : public testing::Test {
  protected:
    auto note() {
        return [this](const std::exception_ptr& error) { outcome = message_of(error); };
    }
    auto cancellable() { return asio::bind_cancellation_slot(signal.slot(), note()); }

    Journal journal;
    Gate gate;
    std::optional<std::string> outcome;
    asio::io_context context;
    asio::cancellation_signal signal;
};

TEST_F(TokenCancellation, TakesADropBackThatHasNotStarted) {
    auto guard = make_probe(journal, "it");
    guard.async_drop(context.get_executor(), cancellable());
    signal.emit(cancellation_type::total);
    context.run();
    ASSERT_TRUE(outcome.has_value());
    EXPECT_NE(outcome->find("canceled"), std::string::npos) << *outcome;
    EXPECT_TRUE(static_cast<bool>(guard));
    EXPECT_TRUE(journal.events().empty());
    run_coroutine(context, guard.async_drop());
}

TEST_F(TokenCancellation, TerminalAndPartialOnesNeverKeepACleanupFromHappening) {
    auto guard = make_probe(journal, "it");
    guard.async_drop(context.get_executor(), cancellable());
    signal.emit(cancellation_type::terminal);
    signal.emit(cancellation_type::partial);
    context.run();
    EXPECT_EQ(outcome, "no error");
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(TokenCancellation, DoesNotTouchACleanupThatRuns) {
    auto guard = make_probe(journal, "it", waiting_for(gate));
    guard.async_drop(context.get_executor(), cancellable());
    context.poll();
    signal.emit(cancellation_type::all);
    context.poll();
    EXPECT_EQ(outcome, std::nullopt);
    gate.open();
    context.run();
    EXPECT_EQ(outcome, "no error");
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(TokenCancellation, TheSlotIsClearedOnCompletion) {
    auto guard = make_probe(journal, "it");
    bool connected_in_handler = true;
    guard.async_drop(context.get_executor(),
                     asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr&) {
                         connected_in_handler = signal.slot().has_handler();
                     }));
    EXPECT_TRUE(signal.slot().has_handler());
    context.run();
    EXPECT_FALSE(connected_in_handler);
    EXPECT_FALSE(signal.slot().has_handler());
    signal.emit(cancellation_type::all);  // reaches nobody
}

TEST_F(TokenCancellation, ASignalMayOutliveTheContext) {
    asio::cancellation_signal long_lived;
    {
        asio::io_context short_lived;
        auto guard = make_probe(journal, "it");
        guard.async_drop(short_lived.get_executor(), asio::bind_cancellation_slot(long_lived.slot(), note()));
        short_lived.run();
    }
    EXPECT_EQ(outcome, "no error");
    long_lived.emit(cancellation_type::all);
}

TEST_F(TokenCancellation, AnArcThatWasTakenBackStillOwns) {
    asyncdrop::AsyncDropArc<Probe> arc(make_probe(journal, "it"));
    arc.async_drop(context.get_executor(), cancellable());
    signal.emit(cancellation_type::total);
    context.run();
    EXPECT_EQ(arc.strong_count(), 1u);
    run_coroutine(context, arc.async_drop());
}

asio::awaitable<void> drop_elsewhere(asyncdrop::AsyncDropGuard<Probe>& guard,
                                     asio::any_io_executor executor) {
    co_await guard.async_drop(executor, asio::use_awaitable);
}

TEST_F(TokenCancellation, ACancelledCoroutineThatWaitsForADropElsewhereWaitsOn) {
    asio::io_context elsewhere;
    auto guard = make_probe(journal, "it");
    asio::co_spawn(context, drop_elsewhere(guard, elsewhere.get_executor()), cancellable());
    context.poll();
    signal.emit(cancellation_type::terminal);
    context.poll();
    EXPECT_EQ(outcome, std::nullopt);
    elsewhere.run();
    context.restart();
    context.run();
    EXPECT_TRUE(journal.contains("dropped it"));
    EXPECT_TRUE(outcome.has_value());
}

TEST_F(TokenCancellation, AGroupOfDropsRunsThemAll) {
    auto a = make_probe(journal, "a");
    auto b = make_probe(journal, "b", failing("disk full"));
    const auto executor = context.get_executor();
    std::string errors;
    asio::experimental::make_parallel_group(a.async_drop(executor, asio::deferred),
                                            b.async_drop(executor, asio::deferred))
        .async_wait(asio::experimental::wait_for_all(),
                    [&](std::array<std::size_t, 2>, const std::exception_ptr& first,
                        const std::exception_ptr& second) {
                        errors = message_of(first) + ", " + message_of(second);
                    });
    context.run();
    EXPECT_EQ(errors, "no error, disk full");
    EXPECT_TRUE(a.is_dropped());
    EXPECT_TRUE(b.is_dropped());
}

asio::awaitable<std::string> drop_as_tuple(asyncdrop::AsyncDropGuard<Probe>& guard,
                                           asio::any_io_executor executor) {
    constexpr auto token = asio::as_tuple(asio::use_awaitable);
    std::tuple<std::exception_ptr> ended = co_await guard.async_drop(executor, token);
    co_return message_of(std::get<0>(ended));
}

TEST_F(TokenCancellation, AsTupleGivesTheErrorInsteadOfThrowingIt) {
    auto guard = make_probe(journal, "it", failing("disk full"));
    EXPECT_EQ(run_coroutine(context, drop_as_tuple(guard, context.get_executor())), "disk full");
}

/// Counts what is allocated through it.
template <class T>
class Counting {
  public:
    using value_type = T;
    explicit Counting(int& count) noexcept : count_(&count) {}
    template <class U>
    Counting(const Counting<U>& other) noexcept : count_(other.count_) {}  // NOLINT: as allocators convert
    T* allocate(std::size_t n) {
        ++*count_;
        return std::allocator<T>().allocate(n);
    }
    void deallocate(T* p, std::size_t n) noexcept { std::allocator<T>().deallocate(p, n); }
    template <class U>
    bool operator==(const Counting<U>& other) const noexcept {
        return count_ == other.count_;
    }

  private:
    template <class U>
    friend class Counting;
    int* count_;
};

TEST_F(TokenCancellation, UsesTheAllocatorOfTheToken) {
    int allocations = 0;
    auto guard = make_probe(journal, "it");
    asio::io_context callbacks;
    guard.async_drop(context.get_executor(),
                     asio::bind_cancellation_slot(
                         signal.slot(), asio::bind_allocator(Counting<void>(allocations),
                                                             asio::bind_executor(callbacks, note()))));
    EXPECT_EQ(allocations, 1);  // what the slot shares with the drop
    context.run();
    EXPECT_EQ(outcome, std::nullopt);
    callbacks.run();
    EXPECT_EQ(outcome, "no error");
}

}  // namespace
