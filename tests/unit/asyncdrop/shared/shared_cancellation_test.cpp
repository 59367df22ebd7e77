// AsyncDropShared: creations that fail, are cancelled, or that nobody wants any more.

#include <gtest/gtest.h>

#include <asyncdrop/even_if_cancelled.hpp>
#include <optional>

#include "tests/unit/asyncdrop/shared/shared_fixture.hpp"
#include "tests/unit/asyncdrop/support/printed_lines.hpp"

namespace {

using namespace shared_test;

TEST_F(SharedTest, GivesTheErrorOfACreationToEveryWaiterNowAndLater) {
    fails = true;
    auto shared = slow();
    Waited first;
    Waited second;
    start_waiting(shared, first);
    start_waiting(shared, second);
    gate.open();
    poll();
    EXPECT_EQ(first.outcome, "cannot create");
    EXPECT_EQ(second.outcome, "cannot create");
    Waited later;
    start_waiting(shared, later);
    EXPECT_EQ(later.outcome, "cannot create");
    EXPECT_EQ(message_of(shared.peek_error()), "cannot create");
    EXPECT_EQ(shared.peek(), nullptr);
    EXPECT_EQ(start_dropping(shared), "no error");
    EXPECT_EQ(journal.events(), Events{"create"});
}

TEST_F(SharedTest, ACancelledFirstWaiterHurtsNobody) {
    auto shared = slow();
    asio::cancellation_signal signal;
    Waited first;
    Waited second;
    start_cancellable(wait_for(shared.get(), first), signal);
    start_waiting(shared, second);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_NE(first.outcome.find("Operation canceled"), std::string::npos) << first.outcome;
    EXPECT_EQ(second.outcome, "");
    gate.open();
    poll();
    EXPECT_EQ(second.outcome, "it");
    EXPECT_EQ(journal.events(), Events{"create"});
    drop(second.arc);
    drop(shared);
}

TEST_F(SharedTest, TheCreationGoesOnWhenItsOnlyWaiterIsCancelledButAHandleIsLeft) {
    auto shared = slow();
    asio::cancellation_signal signal;
    Waited first;
    start_cancellable(wait_for(shared.get(), first), signal);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_NE(first.outcome, "");
    gate.open();
    poll();
    EXPECT_NE(shared.peek(), nullptr);
    EXPECT_FALSE(journal.contains("cancelled"));
    drop(shared);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, AWaiterThatIsCancelledTooLateGetsTheResource) {
    auto shared = slow();
    asio::cancellation_signal signal;
    Waited first;
    start_cancellable(wait_for(shared.get(), first), signal);
    signal.emit(asio::cancellation_type::terminal);
    gate.open();  // both before the waiter's turn
    poll();
    if (first.arc) {
        EXPECT_EQ(first.outcome, "it");
        drop(first.arc);
    } else {
        EXPECT_NE(first.outcome.find("Operation canceled"), std::string::npos) << first.outcome;
    }
    drop(shared);
    EXPECT_EQ(journal.events(), created_and_gone);
}

TEST_F(SharedTest, CancelsTheCreationWhenItsOnlyWaiterIsCancelledAndNoHandleIsLeft) {
    auto shared = slow();
    finishes_when_cancelled = true;
    asio::cancellation_signal signal;
    Waited first;
    start_cancellable(wait_for(shared.get(), first), signal);
    EXPECT_EQ(start_dropping(shared), "no error");  // not the last that is interested
    EXPECT_FALSE(journal.contains("cancelled"));
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_EQ(journal.events(), (Events{"create", "cancelled", "drop it", "dropped it", "gone it"}));
}

TEST_F(SharedTest, PrintsTheErrorOfACleanupThatNobodyWaitsForAnyMore) {
    PrintedLines printed;
    auto shared = slow();
    finishes_when_cancelled = true;
    cleanup = failing("disk full");
    asio::cancellation_signal signal;
    Waited first;
    start_cancellable(wait_for(shared.get(), first), signal);
    drop(shared);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    ASSERT_EQ(printed.lines().size(), 1u);
    EXPECT_EQ(printed.lines()[0],
              "asyncdrop: the cleanup of a shared Probe that nobody waited for any more failed: disk full");
}

TEST_F(SharedTest, AWaiterKeepsTheCreationAliveWithoutAnyHandle) {
    auto shared = slow();
    Waited first;
    Waited second;
    start_waiting(shared, first);
    start_waiting(shared, second);
    EXPECT_EQ(start_dropping(shared), "no error");
    gate.open();
    poll();
    EXPECT_EQ(first.outcome, "it");
    EXPECT_EQ(second.outcome, "it");
    EXPECT_EQ(first.arc.strong_count(), 2u) << "nothing must be left in the state";
    drop(first.arc);
    drop(second.arc);
    EXPECT_EQ(journal.events(), created_and_gone);
}

class SharedDroppedEarly : public SharedTest {
  protected:
    /// Starts the creation and leaves the handle as the only one that is interested.
    ProbeShared creating() {
        auto shared = slow();
        asio::cancellation_signal signal;
        Waited first;
        start_cancellable(wait_for(shared.get(), first), signal);
        signal.emit(asio::cancellation_type::terminal);
        poll();
        EXPECT_EQ(journal.events(), Events{"create"});
        return shared;
    }
};

TEST_F(SharedDroppedEarly, CancelsTheCreation) {
    auto shared = creating();
    EXPECT_EQ(start_dropping(shared), "no error");
    EXPECT_EQ(journal.events(), (Events{"create", "cancelled"}));
}

TEST_F(SharedDroppedEarly, CleansUpWhatTheCreationMadeNevertheless) {
    finishes_when_cancelled = true;
    auto shared = creating();
    Gate cleaning;
    cleanup = waiting_for(cleaning);
    EXPECT_EQ(start_dropping(shared), std::nullopt);
    EXPECT_EQ(journal.events(), (Events{"create", "cancelled", "drop it"}));
    cleaning.open();
    poll();
    EXPECT_EQ(dropped, "no error");
    EXPECT_EQ(journal.events(), (Events{"create", "cancelled", "drop it", "dropped it", "gone it"}));
}

TEST_F(SharedDroppedEarly, DeliversTheErrorOfThatCleanup) {
    finishes_when_cancelled = true;
    cleanup = failing("disk full");
    auto shared = creating();
    EXPECT_EQ(start_dropping(shared), "disk full");
}

TEST_F(SharedDroppedEarly, DoesNotEvenBeginIfItComesFirst) {
    // The waiter runs on another context, so that the creation is only queued on the test's.
    asio::io_context elsewhere;
    auto shared = ProbeShared::create(context.get_executor(), [this] { return create_slowly(); });
    Waited waited;
    asio::cancellation_signal signal;
    asio::co_spawn(elsewhere, wait_for(shared.get(), waited),
                   asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr&) {}));
    elsewhere.poll();
    run_coroutine(elsewhere, shared.async_drop());
    signal.emit(asio::cancellation_type::terminal);
    elsewhere.restart();
    elsewhere.poll();
    EXPECT_NE(waited.outcome, "");
    signal.slot().clear();
    poll();
    EXPECT_TRUE(journal.events().empty());
}

TEST_F(SharedDroppedEarly, RefusesAWaitThatWasNotBegun) {
    auto shared = slow();
    asio::awaitable<ProbeArc> late = shared.get();
    drop(shared);
    Waited waited;
    run_coroutine(context, wait_for(std::move(late), waited));
    EXPECT_NE(waited.outcome.find("dropped before it was waited for"), std::string::npos) << waited.outcome;
    EXPECT_TRUE(journal.events().empty());
}

}  // namespace
