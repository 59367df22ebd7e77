// testing::SyncDrop: cleanup by a destructor, with and without a running context, and its refusal.

#include <asyncdrop/testing/sync_drop.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <future>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropGuard;
using asyncdrop::testing::SyncDrop;
using asyncdrop::testing::WouldWaitForItself;
using test_support::run_coroutine;
using Events = std::vector<std::string>;

class SyncDropTest : public ::testing::Test {
  protected:
    /// A cleanup that needs a running context.
    static asio::awaitable<void> take_time() {
        auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, std::chrono::milliseconds(1));
        co_await timer.async_wait(asio::use_awaitable);
    }

    Journal journal;
    asio::io_context context;
};

TEST_F(SyncDropTest, GivesAccessToItsResource) {
    const SyncDrop file(make_probe(journal, "it"));
    EXPECT_EQ(file->name(), "it");
    EXPECT_EQ((*file).name(), "it");
}

TEST_F(SyncDropTest, GivesAccessForChangesToo) {
    SyncDrop file(make_probe(journal, "it"));
    file->value = 3;
    (*file).value += 1;
    EXPECT_EQ(file->value, 4);
}

TEST_F(SyncDropTest, ShowsItsGuard) {
    SyncDrop file(make_probe(journal, "it"));
    EXPECT_TRUE(static_cast<bool>(file.inner()));
    EXPECT_FALSE(std::as_const(file).inner().is_dropped());
    run_coroutine(context, file.inner().async_drop());
    EXPECT_TRUE(file.inner().is_dropped());  // and the destructor has nothing to do
}

TEST_F(SyncDropTest, GivesItsGuardBackWithoutDroppingIt) {
    AsyncDropGuard<Probe> guard;
    {
        SyncDrop file(make_probe(journal, "it"));
        guard = std::move(file).into_inner_dont_drop();
    }
    EXPECT_TRUE(journal.events().empty());
    run_coroutine(context, guard.async_drop());
}

TEST_F(SyncDropTest, CleansUpWithoutAnyContext) {
    {
        SyncDrop file(make_probe(journal, "it", &SyncDropTest::take_time));
    }
    EXPECT_EQ(journal.events(), (Events{"drop it", "dropped it", "gone it"}));
}

TEST_F(SyncDropTest, CleansUpInACoroutineOfAMultithreadedContext) {
    asio::thread_pool pool(2);
    std::promise<void> ended;
    const auto body = [this]() -> asio::awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        SyncDrop file(make_probe(journal, "it", &SyncDropTest::take_time));
    };
    asio::co_spawn(pool, body(), [&](const std::exception_ptr&) { ended.set_value(); });
    ended.get_future().get();
    EXPECT_EQ(journal.events(), (Events{"drop it", "dropped it", "gone it"}));
}

TEST_F(SyncDropTest, CleansUpOnAContextThatRunsElsewhere) {
    asio::thread_pool pool(1);
    bool elsewhere = false;
    const auto thread = std::this_thread::get_id();
    const Cleanup cleanup = [&]() -> asio::awaitable<void> {
        elsewhere = std::this_thread::get_id() != thread;
        co_return;
    };
    {
        SyncDrop file(make_probe(journal, "it", cleanup), asio::make_strand(pool));
    }
    EXPECT_TRUE(elsewhere);
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(SyncDropTest, DropsAnythingThatIsDroppedLikeAGuard) {
    {
        SyncDrop arc(AsyncDropArc<Probe>(make_probe(journal, "it")));
    }
    EXPECT_TRUE(journal.contains("dropped it"));
    {
        SyncDrop empty{AsyncDropArc<Probe>()};
    }
}

TEST_F(SyncDropTest, ThrowsTheErrorOfACleanupThatIsRunByHand) {
    asio::thread_pool pool(1);
    SyncDrop own(make_probe(journal, "own", failing("disk full")));
    SyncDrop other(make_probe(journal, "other", failing("disk full")), pool.get_executor());
    EXPECT_THROW(own.drop(), std::runtime_error);
    EXPECT_THROW(other.drop(), std::runtime_error);
    EXPECT_TRUE(own.inner().is_dropped());
    EXPECT_TRUE(journal.contains("gone other"));
}

TEST_F(SyncDropTest, RefusesOnAThreadThatRunsItsContext) {
    bool refused = false;
    bool armed = false;
    SyncDrop file(make_probe(journal, "it"), asio::make_strand(context));
    asio::post(context, [&] {
        try {
            file.drop();
        } catch (const WouldWaitForItself&) {
            refused = true;
        }
        armed = static_cast<bool>(file.inner());
    });
    context.run();
    EXPECT_TRUE(refused);
    EXPECT_TRUE(armed);
    run_coroutine(context, file.inner().async_drop());
}

TEST_F(SyncDropTest, RefusesOnAThreadOfItsPoolToo) {
    asio::thread_pool pool(2);
    std::promise<bool> refused;
    asio::post(pool, [&] {
        SyncDrop file(make_probe(journal, "it"), pool.get_executor());
        try {
            file.drop();
            refused.set_value(false);
        } catch (const WouldWaitForItself&) {
            AsyncDropGuard<Probe> guard = std::move(file).into_inner_dont_drop();
            SyncDrop own(std::move(guard));  // a context of its own is no trouble
            own.drop();
            refused.set_value(true);
        }
    });
    EXPECT_TRUE(refused.get_future().get());
}

TEST_F(SyncDropTest, EndsTheProgramWhenItsDestructorCannotDrop) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        { SyncDrop file(make_probe(journal, "it", failing("disk full"))); },
        "SyncDrop could not drop Probe, created at .*sync_drop_test.cpp:[0-9]+: disk full");
    EXPECT_DEATH(
        {
            asio::post(context, [&] { SyncDrop file(make_probe(journal, "it"), context.get_executor()); });
            context.run();
        },
        "SyncDrop would wait for itself");
}

}  // namespace
