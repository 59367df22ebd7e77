// Coroutines whose executor is not an any_io_executor: asio::awaitable<T, Executor>.
//
// Every scenario runs with an io_context's executor, with a strand of it, with a thread_pool's and with a
// strand of that.

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/bridge.hpp>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/hash_map.hpp>
#include <asyncdrop/lazy.hpp>
#include <asyncdrop/mutex.hpp>
#include <asyncdrop/shared.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <asyncdrop/try_with_async_drop.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>

#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropMutex;
using asyncdrop::AsyncDropShared;
using asyncdrop::bridge_to;

/// A context that runs by itself, and its executor of the type under test.
struct IoContext {
    using Executor = asio::io_context::executor_type;
    Executor executor() { return context.get_executor(); }
    ~IoContext() {
        work.reset();
        thread.join();
    }
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
    std::thread thread{[this] { context.run(); }};
};
struct IoStrand : IoContext {
    using Executor = asio::strand<asio::io_context::executor_type>;
    Executor executor() { return asio::make_strand(context); }
};
struct Pool {
    using Executor = asio::thread_pool::executor_type;
    Executor executor() { return pool.get_executor(); }
    ~Pool() { pool.join(); }
    asio::thread_pool pool{3};
};
struct PoolStrand : Pool {
    using Executor = asio::strand<asio::thread_pool::executor_type>;
    Executor executor() { return asio::make_strand(pool); }
};

template <class Context>
class TypedExecutor : public testing::Test {
  protected:
    /// Runs a coroutine to its end on a fresh context.
    template <class F>
    auto run(F f) {
        Context context;
        auto ended = asio::co_spawn(context.executor(), f(), asio::use_future);
        return ended.get();
    }

    Journal journal_;
};

using Contexts = testing::Types<IoContext, IoStrand, Pool, PoolStrand>;
TYPED_TEST_SUITE(TypedExecutor, Contexts);

TYPED_TEST(TypedExecutor, AwaitsADropWithItsOwnUseAwaitable) {
    using Executor = typename TypeParam::Executor;
    this->run([this]() -> asio::awaitable<void, Executor> {
        auto guard = make_probe(this->journal_, "it");
        const asio::use_awaitable_t<Executor> token;
        co_await guard.async_drop(token);
        EXPECT_TRUE(guard.is_dropped());
        auto box = make_probe(this->journal_, "boxed").into_box();
        const auto result = co_await box.try_async_drop(token);
        EXPECT_TRUE(result.has_value());
    });
    EXPECT_TRUE(this->journal_.contains("dropped it"));
    EXPECT_TRUE(this->journal_.contains("dropped boxed"));
}

TYPED_TEST(TypedExecutor, GetsTheErrorOfADrop) {
    using Executor = typename TypeParam::Executor;
    const auto drop = [this]() -> asio::awaitable<void, Executor> {
        auto guard = make_probe(this->journal_, "it", failing("disk full"));
        const asio::use_awaitable_t<Executor> token;
        co_await guard.async_drop(token);
    };
    EXPECT_THROW(this->run(drop), std::runtime_error);
}

TYPED_TEST(TypedExecutor, ABracketTakesItsFactoriesAndBodies) {
    using Executor = typename TypeParam::Executor;
    const int value = this->run([this]() -> asio::awaitable<int, Executor> {
        const auto open = [this]() -> asio::awaitable<AsyncDropGuard<Probe>, Executor> {
            co_return make_probe(this->journal_, "outer");
        };
        const auto open_inner = [this](Probe&) { return make_probe(this->journal_, "inner"); };
        const auto use = [](Probe& outer, Probe& inner) -> asio::awaitable<int, Executor> {
            outer.value = 3;
            inner.value = 4;
            co_return outer.value + inner.value;
        };
        co_return co_await asyncdrop::with_async_drop(open, open_inner, use);
    });
    EXPECT_EQ(value, 7);
    EXPECT_LT(this->journal_.place_of("dropped inner"), this->journal_.place_of("drop outer"));
}

TYPED_TEST(TypedExecutor, ABracketDropsAfterAFailingBody) {
    using Executor = typename TypeParam::Executor;
    const auto fail = [this]() -> asio::awaitable<void, Executor> {
        const auto open = [this] { return make_probe(this->journal_, "it"); };
        const auto use = [](Probe&) -> asio::awaitable<void, Executor> {
            throw std::logic_error("body");
            co_return;
        };
        co_await asyncdrop::with_async_drop(open, use);
    };
    EXPECT_THROW(this->run(fail), std::logic_error);
    EXPECT_TRUE(this->journal_.contains("dropped it"));
}

TYPED_TEST(TypedExecutor, ABracketOfResultsTakesThemToo) {
    using Executor = typename TypeParam::Executor;
    const int value = this->run([this]() -> asio::awaitable<int, Executor> {
        const auto open = [this] { return make_probe(this->journal_, "it"); };
        const auto use = [](Probe&) -> asio::awaitable<int, Executor> { co_return 7; };
        const auto result = co_await asyncdrop::try_with_async_drop(open, use);
        co_return *result;
    });
    EXPECT_EQ(value, 7);
}

TYPED_TEST(TypedExecutor, ReachesEverythingElseOverABridge) {
    using Executor = typename TypeParam::Executor;
    this->run([this]() -> asio::awaitable<void, Executor> {
        const asio::use_awaitable_t<Executor> token;
        auto mutex = AsyncDropMutex<Probe>::create(make_probe(this->journal_, "locked"));
        {
            auto locking = bridge_to<Executor>(mutex->lock());
            auto lock = co_await std::move(locking);
            EXPECT_EQ(lock->name(), "locked");
        }
        AsyncDropArc<Probe> arc(make_probe(this->journal_, "shared"));
        AsyncDropArc<Probe> clone = arc.clone();
        co_await arc.async_drop(token);
        auto waiting = bridge_to<Executor>(clone.async_drop_and_wait());
        co_await std::move(waiting);
        auto other = make_probe(this->journal_, "other");
        auto both = bridge_to<Executor>(asyncdrop::drop_in_order(mutex, other));
        co_await std::move(both);
    });
    for (const char* name : {"locked", "shared", "other"}) {
        EXPECT_TRUE(this->journal_.contains(std::string("dropped ") + name)) << name;
    }
}

TYPED_TEST(TypedExecutor, CreatesWhatIsLazyOrShared) {
    using Executor = typename TypeParam::Executor;
    this->run([this]() -> asio::awaitable<void, Executor> {
        const asio::use_awaitable_t<Executor> token;
        const auto open = [this]() -> asio::awaitable<AsyncDropGuard<Probe>, Executor> {
            co_return make_probe(this->journal_, "made");
        };
        auto lazy = asyncdrop::Lazy<Probe>::uninitialized(open);
        auto getting = bridge_to<Executor>(lazy->get());
        Probe* made = co_await std::move(getting);
        EXPECT_EQ(made->name(), "made");
        co_await lazy.async_drop(token);

        asyncdrop::AsyncDropStack stack;
        const auto undo = [this]() -> asio::awaitable<void, Executor> {
            this->journal_.add("undone");
            co_return;
        };
        stack.defer(undo);
        auto undoing = bridge_to<Executor>(stack.async_drop());
        co_await std::move(undoing);
    });
    EXPECT_TRUE(this->journal_.contains("dropped made"));
    EXPECT_TRUE(this->journal_.contains("undone"));
}

/// A resource whose own cleanup is a coroutine of a special executor type.
template <class Executor>
class Special {
  public:
    Special(asyncdrop::Passkey<Special>, Journal& journal) : journal_(&journal) {}
    Special(Special&&) noexcept = default;
    asio::awaitable<void, Executor> async_drop_impl() {
        const Executor executor = co_await asio::this_coro::executor;
        const asio::use_awaitable_t<Executor> token;
        co_await asio::post(executor, token);
        journal_->add("closed");
    }

  private:
    Journal* journal_;
};

TYPED_TEST(TypedExecutor, RunsACleanupOfItsOwnKind) {
    using Executor = typename TypeParam::Executor;
    this->run([this]() -> asio::awaitable<void, Executor> {
        const asio::use_awaitable_t<Executor> token;
        auto guard = asyncdrop::make_guard<Special<Executor>>(this->journal_);
        co_await guard.async_drop(token);
        auto box = asyncdrop::make_box<Special<Executor>>(this->journal_);
        co_await box.async_drop(token);
    });
    EXPECT_EQ(this->journal_.events(), (std::vector<std::string>{"closed", "closed"}));
}

TYPED_TEST(TypedExecutor, ACleanupThatFindsNoExecutorLeavesTheGuardArmed) {
    using Executor = typename TypeParam::Executor;
    asio::io_context elsewhere;
    const asio::any_io_executor other =
        asio::any_io_executor(asio::make_strand(asio::any_io_executor(elsewhere.get_executor())));
    auto guard = asyncdrop::make_guard<Special<Executor>>(this->journal_);
    auto box = asyncdrop::make_box<Special<Executor>>(this->journal_);
    std::string outcomes;
    const auto note = [&](const std::exception_ptr& error) { outcomes += message_of(error) + "\n"; };
    guard.async_drop(other, note);
    box.async_drop(other, note);
    elsewhere.run();
    EXPECT_EQ(outcomes.find("no error"), std::string::npos) << outcomes;
    EXPECT_NE(outcomes.find("another type of executor"), std::string::npos) << outcomes;
    EXPECT_TRUE(static_cast<bool>(guard));
    EXPECT_TRUE(static_cast<bool>(box));
    this->run([&]() -> asio::awaitable<void, Executor> {
        const asio::use_awaitable_t<Executor> token;
        co_await guard.async_drop(token);
        co_await box.async_drop(token);
    });
}

/// The same with an executor of its own.
template <class Executor>
class OwnHome {
  public:
    OwnHome(asyncdrop::Passkey<OwnHome>, Journal& journal, Executor executor)
        : journal_(&journal), executor_(std::move(executor)) {}
    OwnHome(OwnHome&&) noexcept = default;
    Executor get_executor() const { return executor_; }
    asio::awaitable<void, Executor> async_drop_impl() {
        const Executor executor = co_await asio::this_coro::executor;
        journal_->add(executor == executor_ ? "closed at home" : "closed elsewhere");
    }

  private:
    Journal* journal_;
    Executor executor_;
};

TYPED_TEST(TypedExecutor, ACleanupRunsOnTheExecutorOfItsResource) {
    asio::thread_pool elsewhere(1);
    TypeParam home;  // dies first: the end of a coroutine there still knows who waited for it
    using Executor = typename TypeParam::Executor;
    auto guard = asyncdrop::make_guard<OwnHome<Executor>>(this->journal_, home.executor());
    guard.async_drop(elsewhere.get_executor(), asio::use_future).get();
    EXPECT_TRUE(this->journal_.contains("closed at home"));
}

TYPED_TEST(TypedExecutor, ATeardownRunsACleanupOfItsOwnKind) {
    using Executor = typename TypeParam::Executor;
    this->run([this]() -> asio::awaitable<void, Executor> {
        auto graph = asyncdrop::TeardownGraph::create();
        graph->add("special", asyncdrop::make_guard<Special<Executor>>(this->journal_));
        auto running = bridge_to<Executor>(graph->run());
        const asyncdrop::TeardownReport report = co_await std::move(running);
        EXPECT_TRUE(report.failures().empty()) << report.to_text();
        const asio::use_awaitable_t<Executor> token;
        co_await graph.async_drop(token);
    });
    EXPECT_TRUE(this->journal_.contains("closed"));
}

}  // namespace
