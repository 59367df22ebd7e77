// The bracket's ways to a cleanup: awaited by the bracket itself, shielded in a stack of its own where a
// cancellation slot is connected, or without waiting. Whichever it takes, the outcome is the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <tuple>

#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropError;
using asyncdrop::AsyncDropGuard;
using asyncdrop::make_box;
using asyncdrop::make_guard;
using asyncdrop::with_async_drop;
using testing::ElementsAre;

/// Runs each test in a coroutine that nobody can cancel, and in one that could be cancelled.
class BracketPaths : public testing::TestWithParam<bool> {
  protected:
    /// Runs the coroutine to its end and returns its error.
    std::exception_ptr run(const std::function<asio::awaitable<void>()>& coroutine) {
        if (GetParam()) {
            Cancellable cancellable;
            cancellable.spawn(context_, coroutine);
            return cancellable.run(context_);
        }
        std::exception_ptr result;
        asio::co_spawn(context_, coroutine, [&](const std::exception_ptr& error) { result = error; });
        context_.run();
        return result;
    }

    asio::io_context context_;
    Journal log_;
};

/// Throws before there is anything to await.
class FailsAtOnce {
  public:
    FailsAtOnce(asyncdrop::Passkey<FailsAtOnce>, Journal& log) : log_(&log) {}
    FailsAtOnce(FailsAtOnce&& other) noexcept : log_(std::exchange(other.log_, nullptr)) {}
    FailsAtOnce& operator=(FailsAtOnce&&) = delete;
    ~FailsAtOnce() {
        if (log_) log_->add("destroy");
    }
    asio::awaitable<void> async_drop_impl() { throw Failure("at once"); }

  private:
    Journal* log_;
};

TEST_P(BracketPaths, ACleanupThatFailsBeforeItsFirstAwaitEndsTheResource) {
    const auto error = run([this]() -> asio::awaitable<void> {
        auto guard = make_guard<FailsAtOnce>(log_);
        const auto body = [](FailsAtOnce&) {};
        try {
            co_await with_async_drop(guard, body);
        } catch (const Failure&) {
            log_.add("caught");
        }
        EXPECT_TRUE(guard.is_dropped());
    });
    EXPECT_EQ(message(error), "");
    EXPECT_THAT(log_.events(), ElementsAre("destroy", "caught"));
}

TEST_P(BracketPaths, ACleanupThatFailsLaterEndsTheResource) {
    const auto error = run([this]() -> asio::awaitable<void> {
        const auto factory = [this] {
            auto guard = make_guard<Resource>(log_, "a");
            guard->fail_on_drop();
            return guard;
        };
        const auto body = [](Resource&) {};
        co_await with_async_drop(factory, body);
    });
    EXPECT_EQ(message(error), "a");
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "destroy a"));
}

TEST_P(BracketPaths, BodyAndCleanupFailTogether) {
    const auto error = run([this]() -> asio::awaitable<void> {
        const auto factory = [this] { return make_guard<FailsAtOnce>(log_); };
        const auto body = [](FailsAtOnce&) { throw Failure("body"); };
        co_await with_async_drop(factory, body);
    });
    try {
        std::rethrow_exception(error);
    } catch (const AsyncDropError& both) {
        EXPECT_EQ(message(both.primary()), "body");
        ASSERT_EQ(both.suppressed().size(), 1u);
        EXPECT_EQ(message(both.suppressed()[0].error), "at once");
        EXPECT_THAT(both.suppressed()[0].resource, testing::HasSubstr("FailsAtOnce"));
    }
}

TEST_P(BracketPaths, AResourceThatTheBodyDroppedIsNotDroppedAgain) {
    const auto error = run([this]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        const auto body = [&guard](Resource&) { return guard.async_drop(); };
        co_await with_async_drop(guard, body);
        EXPECT_TRUE(guard.is_dropped());
    });
    EXPECT_EQ(message(error), "");
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_P(BracketPaths, ABoxAndASynchronousCleanupEndWithTheBracket) {
    const auto error = run([this]() -> asio::awaitable<void> {
        const auto box = [this] { return make_box<Resource>(log_, "box"); };
        const auto in_box = [this](Resource&) { log_.add("in box"); };
        co_await with_async_drop(box, in_box);
        const auto plain = [this] { return make_guard<SyncResource>(log_); };
        const auto in_plain = [this](SyncResource&) { log_.add("in plain"); };
        co_await with_async_drop(plain, in_plain);
    });
    EXPECT_EQ(message(error), "");
    EXPECT_THAT(log_.events(),
                ElementsAre("in box", "drop box", "closed box", "destroy box", "in plain", "drop sync"));
}

TEST_P(BracketPaths, AShareOfSeveralIsGivenBackAndTheLastOneCleansUp) {
    const auto error = run([this]() -> asio::awaitable<void> {
        AsyncDropArc<Resource> first(make_guard<Resource>(log_, "a"));
        const auto share = [&first] { return first.clone(); };
        const auto count = [&first](Resource&) { return first.strong_count(); };
        EXPECT_EQ(co_await with_async_drop(share, count), 2u);
        EXPECT_EQ(first.strong_count(), 1u);
        EXPECT_THAT(log_.events(), ElementsAre());
        EXPECT_EQ(co_await with_async_drop(first, count), 1u);
        EXPECT_TRUE(first.is_dropped());
    });
    EXPECT_EQ(message(error), "");
    EXPECT_THAT(log_.events(), ElementsAre("drop a", "closed a", "destroy a"));
}

TEST_P(BracketPaths, AnErrorMapThatThrowsReplacesTheError) {
    const auto error = run([this]() -> asio::awaitable<void> {
        const auto factory = [this] { return make_guard<FailsAtOnce>(log_); };
        const auto body = [](FailsAtOnce&) {};
        const auto map = asyncdrop::error_map(
            [](const std::exception_ptr&) -> std::exception_ptr { throw Failure("map"); });
        co_await with_async_drop(factory, body, map);
    });
    EXPECT_EQ(message(error), "map");
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutSlot, BracketPaths, testing::Bool(),
                         [](const auto& path) { return path.param ? "Cancellable" : "Plain"; });

}  // namespace
}  // namespace asyncdrop_test
