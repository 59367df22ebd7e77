// Lazy: creation on first use, waiting for somebody else's creation, and the drop in every state.

#include <asyncdrop/lazy.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <boost/asio/detached.hpp>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;
using asyncdrop::CreationSite;
using asyncdrop::Lazy;
using asyncdrop::WhenUncreated;
using test_support::run_coroutine;
using Events = std::vector<std::string>;

asio::awaitable<void> note_outcome(asio::awaitable<Probe*> getting, std::string& outcome) {
    try {
        Probe* const probe = co_await std::move(getting);
        outcome = probe->name();
    } catch (const std::exception& error) {
        outcome = error.what();
    }
}

class LazyTest : public testing::Test {
  protected:
    /// Creates "it" as soon as the gate is open.
    asio::awaitable<AsyncDropGuard<Probe>> create_slowly() {
        journal.add("create");
        co_await gate.pass();
        if (failures > 0) {
            --failures;
            throw std::runtime_error("cannot create");
        }
        co_return make_probe(journal, "it");
    }
    AsyncDropGuard<Lazy<Probe>> slow(WhenUncreated when = WhenUncreated::create_and_drop) {
        return Lazy<Probe>::uninitialized([this] { return create_slowly(); }, when);
    }

    Journal journal;
    Gate gate;
    int failures = 0;
    asio::io_context context;
};

TEST_F(LazyTest, CreatesItsResourceOnFirstUseOnly) {
    gate.open();
    auto lazy = slow();
    EXPECT_FALSE(lazy->is_initialized());
    EXPECT_EQ(lazy->peek(), nullptr);
    EXPECT_TRUE(journal.events().empty());
    Probe* const first = run_coroutine(context, lazy->get());
    EXPECT_EQ(first->name(), "it");
    EXPECT_EQ(run_coroutine(context, lazy->get()), first);
    EXPECT_EQ(lazy->peek(), first);
    EXPECT_EQ(std::as_const(*lazy).peek(), first);
    EXPECT_TRUE(lazy->is_initialized());
    EXPECT_EQ(journal.events(), Events{"create"});
    run_coroutine(context, lazy.async_drop());
    EXPECT_EQ(journal.events(), (Events{"create", "drop it", "dropped it", "gone it"}));
}

TEST_F(LazyTest, TakesAResourceThatExistsAlready) {
    auto lazy = Lazy<Probe>::initialized(make_probe(journal, "it"));
    EXPECT_TRUE(lazy->is_initialized());
    EXPECT_EQ(run_coroutine(context, lazy->get())->name(), "it");
    run_coroutine(context, lazy.async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(LazyTest, TakesAPlainFunctionAndAnyOwner) {
    const auto make = [this] {
        return AsyncDropBox<ProbeBase>(asyncdrop::make_box<Probe>(journal, "it", Cleanup{}));
    };
    auto lazy = Lazy<ProbeBase, AsyncDropBox<ProbeBase>>::uninitialized(make);
    EXPECT_EQ(run_coroutine(context, lazy->get())->name(), "it");
    run_coroutine(context, lazy.async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(LazyTest, CreatesAndDropsWhatWasNeverCreated) {
    gate.open();
    auto lazy = slow();
    run_coroutine(context, lazy.async_drop());
    EXPECT_EQ(journal.events(), (Events{"create", "drop it", "dropped it", "gone it"}));
}

TEST_F(LazyTest, SkipsWhatWasNeverCreatedIfTold) {
    auto lazy = slow(WhenUncreated::skip);
    run_coroutine(context, lazy.async_drop());
    EXPECT_TRUE(journal.events().empty());
    EXPECT_TRUE(lazy.is_dropped());
}

TEST_F(LazyTest, DropsWhatWasCreatedWhateverTheOption) {
    gate.open();
    auto lazy = slow(WhenUncreated::skip);
    run_coroutine(context, lazy->get());
    run_coroutine(context, lazy.async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(LazyTest, DeliversTheErrorOfACreationInTheDrop) {
    gate.open();
    failures = 1;
    auto lazy = slow();
    EXPECT_EQ(run_coroutine(context, outcome_of(lazy.async_drop())), "cannot create");
    EXPECT_TRUE(lazy.is_dropped());
}

TEST_F(LazyTest, TriesAgainAfterACreationThatFailed) {
    gate.open();
    failures = 1;
    auto lazy = slow();
    std::string outcome;
    run_coroutine(context, note_outcome(lazy->get(), outcome));
    EXPECT_EQ(outcome, "cannot create");
    EXPECT_FALSE(lazy->is_initialized());
    run_coroutine(context, note_outcome(lazy->get(), outcome));
    EXPECT_EQ(outcome, "it");
    run_coroutine(context, lazy.async_drop());
}

TEST_F(LazyTest, LetsCallersShareOneCreation) {
    auto lazy = slow();
    std::string first;
    std::string second;
    asio::co_spawn(context, note_outcome(lazy->get(), first), asio::detached);
    asio::co_spawn(context, note_outcome(lazy->get(), second), asio::detached);
    context.poll();
    EXPECT_EQ(first + second, "");
    gate.open();
    context.run();
    EXPECT_EQ(first, "it");
    EXPECT_EQ(second, "it");
    EXPECT_EQ(journal.events(), Events{"create"});
    run_coroutine(context, lazy.async_drop());
}

TEST_F(LazyTest, ACancelledCreatorLeavesTheCreationToTheNext) {
    auto lazy = slow();
    std::string first;
    std::string second;
    asio::cancellation_signal signal;
    asio::co_spawn(context, note_outcome(lazy->get(), first),
                   asio::bind_cancellation_slot(signal.slot(), [](const std::exception_ptr&) {}));
    asio::co_spawn(context, note_outcome(lazy->get(), second), asio::detached);
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_NE(first.find("Operation canceled"), std::string::npos) << first;
    gate.open();
    context.run();
    EXPECT_EQ(second, "it");
    EXPECT_EQ(journal.events(), (Events{"create", "create"}));
    signal.slot().clear();
    run_coroutine(context, lazy.async_drop());
}

TEST_F(LazyTest, DropsWhatIsJustBeingCreated) {
    auto lazy = slow(WhenUncreated::skip);
    std::string outcome;
    asio::co_spawn(context, note_outcome(lazy->get(), outcome), asio::detached);
    context.poll();
    asio::co_spawn(context, lazy.async_drop(), asio::detached);
    context.poll();
    EXPECT_FALSE(lazy.is_dropped());
    gate.open();
    context.run();
    EXPECT_TRUE(lazy.is_dropped());
    EXPECT_NE(outcome.find("dropped before it was created"), std::string::npos) << outcome;
    EXPECT_EQ(journal.events(), (Events{"create", "drop it", "dropped it", "gone it"}));
}

TEST_F(LazyTest, RefusesMisuseWithASentence) {
    EXPECT_DEATH((void)Lazy<Probe>::initialized(AsyncDropGuard<Probe>()), "made of an empty guard");
    auto lazy = Lazy<Probe>::uninitialized([] { return AsyncDropGuard<Probe>(); }, WhenUncreated::skip);
    EXPECT_DEATH(run_coroutine(context, lazy->get()), "factory of a Lazy returned an empty guard");
    run_coroutine(context, lazy.async_drop());
}

}  // namespace
