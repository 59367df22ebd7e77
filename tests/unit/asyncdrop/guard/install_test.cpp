// Destroyed execution contexts: what their guards report, with and without install().
#include <asyncdrop/install.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <future>
#include <memory>

#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::ForgottenReason;
using asyncdrop::make_guard;
using testing::ElementsAre;

/// Waits for ever in a timer while it holds an armed guard.
asio::awaitable<void> hold_in_timer(Journal& log) {
    auto guard = make_guard<Resource>(log, "a");
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, asio::steady_timer::time_point::max());
    log.add("holding");
    co_await timer.async_wait(asio::use_awaitable);
    co_await guard.async_drop();
}

/// Is suspended in the context's queue, never to be resumed, while it holds an armed guard.
asio::awaitable<void> hold_in_queue(Journal& log) {
    auto guard = make_guard<Resource>(log, "a");
    log.add("holding");
    co_await yield();
    co_await guard.async_drop();
}

class ContextDestroyed : public testing::Test {
  protected:
    /// Runs until somebody is "holding", then destroys the context.
    void destroy_while_holding(std::unique_ptr<asio::io_context> context) {
        Cancellable::run_until(*context, [this] { return !log_.events().empty(); });
        EXPECT_TRUE(forgotten_.reports().empty());
        context.reset();
    }

    Journal log_;
    RecordForgotten forgotten_;
};

TEST_F(ContextDestroyed, WithInstallTheReasonIsKnownForTimers) {
    auto context = std::make_unique<asio::io_context>();
    asyncdrop::install(*context);
    asio::co_spawn(*context, hold_in_timer(log_), asio::detached);
    destroy_while_holding(std::move(context));
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::context_destroyed));
    EXPECT_EQ(log_.events().back(), "destroy a");
}

TEST_F(ContextDestroyed, WithInstallTheReasonIsKnownForQueuedWork) {
    auto context = std::make_unique<asio::io_context>();
    asyncdrop::install(*context);
    asio::co_spawn(*context, hold_in_queue(log_), asio::detached);
    destroy_while_holding(std::move(context));
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::context_destroyed));
}

TEST_F(ContextDestroyed, WithInstallTheReasonIsKnownForStrands) {
    auto context = std::make_unique<asio::io_context>();
    asyncdrop::install(*context);
    asio::co_spawn(asio::make_strand(*context), hold_in_queue(log_), asio::detached);
    destroy_while_holding(std::move(context));
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::context_destroyed));
}

TEST_F(ContextDestroyed, WithInstallTheReasonIsKnownForABody) {
    auto context = std::make_unique<asio::io_context>();
    asyncdrop::install(*context);
    const auto factory = [this] { return make_guard<Resource>(log_, "a"); };
    const auto body = [this](Resource&) -> asio::awaitable<void> {
        log_.add("holding");
        co_await yield();
    };
    asio::co_spawn(*context, asyncdrop::with_async_drop(factory, body), asio::detached);
    destroy_while_holding(std::move(context));
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::context_destroyed));
}

TEST_F(ContextDestroyed, InstallMayBeCalledTwice) {
    auto context = std::make_unique<asio::io_context>();
    asyncdrop::install(*context);
    asyncdrop::install(*context);
    asio::co_spawn(*context, hold_in_timer(log_), asio::detached);
    destroy_while_holding(std::move(context));
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::context_destroyed));
}

TEST_F(ContextDestroyed, WithoutInstallTheReasonIsUnknown) {
    auto context = std::make_unique<asio::io_context>();
    asio::co_spawn(*context, hold_in_timer(log_), asio::detached);
    destroy_while_holding(std::move(context));
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::unknown));
}

TEST_F(ContextDestroyed, AfterwardsAForgottenDropIsForgottenAgain) {
    {
        asio::io_context context;
        asyncdrop::install(context);
    }
    {
        auto guard = make_guard<Resource>(log_, "a");
    }
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::forgotten));
}

TEST_F(ContextDestroyed, AForgottenDropInsideAnInstalledContextIsForgotten) {
    asio::io_context context;
    asyncdrop::install(context);
    const auto forget = [this]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        co_await yield();
    };
    asio::co_spawn(context, forget, asio::detached);
    context.run();
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::forgotten));
}

TEST_F(ContextDestroyed, AThreadPoolIsRecognisedToo) {
    {
        asio::thread_pool pool(1);
        asyncdrop::install(pool);
        std::promise<void> holding;
        const auto hold = [&]() -> asio::awaitable<void> {
            auto guard = make_guard<Resource>(log_, "a");
            const auto executor = co_await asio::this_coro::executor;
            asio::steady_timer timer(executor, asio::steady_timer::time_point::max());
            holding.set_value();
            co_await timer.async_wait(asio::use_awaitable);
            co_await guard.async_drop();
        };
        asio::co_spawn(pool, hold, asio::detached);
        holding.get_future().wait();
        pool.stop();
        pool.join();
    }
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::context_destroyed));
}

/// A cleanup that never ends.
struct Endless {
    explicit Endless(Journal& l) : log(&l) {}
    asio::awaitable<void> async_drop_impl() {
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, asio::steady_timer::time_point::max());
        log->add("dropping");
        co_await timer.async_wait(asio::use_awaitable);
    }
    Journal* log;
};

TEST_F(ContextDestroyed, ACleanupThatHadBegunIsReportedAsAbandoned) {
    auto context = std::make_unique<asio::io_context>();
    asyncdrop::install(*context);
    const auto drop = [this]() -> asio::awaitable<void> {
        auto guard = make_guard<Endless>(log_);
        co_await guard.async_drop();
    };
    asio::co_spawn(*context, drop, asio::detached);
    destroy_while_holding(std::move(context));
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::cleanup_abandoned));
}

TEST_F(ContextDestroyed, AShieldedCleanupThatHadBegunIsReportedAsAbandoned) {
    asio::cancellation_signal signal;
    auto context = std::make_unique<asio::io_context>();
    const auto factory = [this] { return asyncdrop::make_box<Endless>(log_); };
    const auto body = [](Endless&) {};
    asio::co_spawn(*context, asyncdrop::with_async_drop(factory, body),
                   asio::bind_cancellation_slot(signal.slot(), asio::detached));
    destroy_while_holding(std::move(context));
    EXPECT_THAT(forgotten_.reasons(), ElementsAre(ForgottenReason::cleanup_abandoned));
}

}  // namespace
}  // namespace asyncdrop_test
