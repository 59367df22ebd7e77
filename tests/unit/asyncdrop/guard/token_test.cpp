// Completion tokens: drops and locks from code that is no coroutine.

#include <asyncdrop/passkey.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/mutex.hpp>
#include <asyncdrop/shared.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropMutex;
using asyncdrop::AsyncDropShared;
using test_support::run_coroutine;

class Token : public testing::Test {
  protected:
    auto note() {
        return [this](const std::exception_ptr& error) { outcome = message_of(error); };
    }

    Journal journal;
    std::optional<std::string> outcome;
    asio::io_context context;
};

TEST_F(Token, ACallbackHearsOfTheEndOfADrop) {
    auto guard = make_probe(journal, "it");
    guard.async_drop(context.get_executor(), note());
    context.run();
    EXPECT_EQ(outcome, "no error");
    EXPECT_TRUE(guard.is_dropped());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(Token, ACallbackHearsOfTheErrorOfADrop) {
    auto guard = make_probe(journal, "it", failing("disk full"));
    guard.async_drop(context.get_executor(), note());
    context.run();
    EXPECT_EQ(outcome, "disk full");
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(Token, AFutureWaitsForADrop) {
    asio::thread_pool pool(1);
    auto good = make_probe(journal, "good");
    auto bad = make_probe(journal, "bad", failing("disk full"));
    good.async_drop(pool.get_executor(), asio::use_future).get();
    EXPECT_TRUE(journal.contains("dropped good"));
    EXPECT_THROW(bad.async_drop(pool.get_executor(), asio::use_future).get(), std::runtime_error);
}

TEST_F(Token, EveryOwnerTakesThem) {
    auto box = make_probe(journal, "box").into_box();
    box.async_drop(context.get_executor(), asio::detached);
    AsyncDropArc<Probe> arc(make_probe(journal, "arc"));
    arc.async_drop(context.get_executor(), asio::detached);
    auto shared = AsyncDropShared<Probe>::ready(make_probe(journal, "shared"));
    shared.async_drop(context.get_executor(), asio::detached);
    context.run();
    for (const char* name : {"box", "arc", "shared"}) {
        EXPECT_TRUE(journal.contains(std::string("dropped ") + name));
    }
}

TEST_F(Token, UseAwaitableIsThePlainForm) {
    auto guard = make_probe(journal, "it");
    static_assert(std::is_same_v<decltype(guard.async_drop(asio::use_awaitable)), asio::awaitable<void>>);
    run_coroutine(context, guard.async_drop(asio::use_awaitable));
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(Token, ATokenWithAnExecutorNeedsNoOther) {
    auto strand = asio::make_strand(context);
    bool in_strand = false;
    auto guard = make_probe(journal, "it");
    guard.async_drop(asio::bind_executor(
        strand, [&](const std::exception_ptr&) { in_strand = strand.running_in_this_thread(); }));
    context.run();
    EXPECT_TRUE(in_strand);
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(Token, RunsTheCleanupOnTheExecutorAndTheCallbackOnItsOwn) {
    asio::io_context callbacks;
    auto guard = make_probe(journal, "it");
    guard.async_drop(context.get_executor(), asio::bind_executor(callbacks, note()));
    context.run();
    EXPECT_TRUE(guard.is_dropped());
    EXPECT_EQ(outcome, std::nullopt);
    callbacks.run();
    EXPECT_EQ(outcome, "no error");
}

asio::awaitable<void, asio::io_context::executor_type> drop_from(asio::io_context& context,
                                                                 asyncdrop::AsyncDropGuard<Probe>& guard) {
    auto executor = context.get_executor();
    co_await guard.async_drop(executor, asio::use_awaitable_t<asio::io_context::executor_type>());
}

TEST_F(Token, ACoroutineOnAnotherKindOfExecutorAwaitsADrop) {
    auto guard = make_probe(journal, "it", failing("disk full"));
    asio::co_spawn(context, drop_from(context, guard), note());
    context.run();
    EXPECT_EQ(outcome, "disk full");
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(Token, ADeferredDropStartsWhenItIsLaunched) {
    auto guard = make_probe(journal, "it");
    auto operation = guard.async_drop(context.get_executor(), asio::deferred);
    context.poll();
    EXPECT_TRUE(journal.events().empty());
    std::move(operation)(note());
    context.restart();
    context.run();
    EXPECT_EQ(outcome, "no error");
}

TEST_F(Token, ACallbackGetsTheLockOfAMutex) {
    using Mutex = AsyncDropMutex<Probe>;
    auto mutex = Mutex::create(make_probe(journal, "it"));
    std::optional<Mutex::Lock> first = mutex->try_lock();
    Mutex::Lock second;
    mutex->lock(context.get_executor(), [&](const std::exception_ptr& error, Mutex::Lock lock) {
        outcome = message_of(error);
        second = std::move(lock);
    });
    context.poll();
    EXPECT_EQ(outcome, std::nullopt);
    first->unlock();
    context.run();
    EXPECT_EQ(outcome, "no error");
    ASSERT_TRUE(static_cast<bool>(second));
    EXPECT_EQ(second->name(), "it");
    EXPECT_FALSE(mutex->try_lock().has_value());
    second.unlock();

    asio::thread_pool pool(1);
    {
        Mutex::Lock third = mutex->lock(pool.get_executor(), asio::use_future).get();
        EXPECT_EQ(third->name(), "it");
    }
    run_coroutine(context, mutex.async_drop());
}

}  // namespace
