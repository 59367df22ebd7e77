// Forgotten drops: what is reported of them, and with what reason. (What then happens: reports_test.cpp.)
#include <asyncdrop/forgotten.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/shared.hpp>
#include <boost/asio/detached.hpp>
#include <string>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropGuard;
using asyncdrop::ForgottenReason;
using asyncdrop::make_box;
using asyncdrop::make_guard;
using test_support::run_coroutine;
using testing::ElementsAre;
using testing::EndsWith;

class Forgotten : public testing::Test {
  protected:
    asio::io_context context_;
    Journal log_;
};
using ForgottenDeathTest = Forgotten;

TEST_F(ForgottenDeathTest, AForgottenDropAbortsAndNamesTypeAndPlace) {
    EXPECT_DEATH(
        { auto guard = make_guard<Resource>(log_, "a"); },
        "^Forgot to call async_drop on asyncdrop_test::Resource, created at "
        ".*forgotten_test.cpp:[0-9]+: its scope ended");
}

TEST_F(ForgottenDeathTest, AForgottenBoxAbortsAndNamesTheTypeThatWasPutIn) {
    EXPECT_DEATH(
        { auto box = make_box<SyncResource>(log_); },
        "^Forgot to call async_drop on asyncdrop_test::SyncResource, created at .*forgotten_test.cpp:");
}

TEST_F(ForgottenDeathTest, AForgottenDropInACoroutineAborts) {
    EXPECT_DEATH(run_coroutine(context_,
                               [&]() -> asio::awaitable<void> {
                                   auto guard = make_guard<Resource>(log_, "a");
                                   co_await yield();
                               }),
                 "Forgot to call async_drop on asyncdrop_test::Resource");
}

TEST_F(ForgottenDeathTest, TheTestsOwnMainAbortsOnUnwinding) {
    const auto forget = [&] {
        try {
            auto guard = make_guard<Resource>(log_, "a");
            throw Failure("left");
        } catch (const Failure&) {
        }
    };
    EXPECT_DEATH(forget(), "Forgot to call async_drop on .*: an exception left its scope");
}

TEST_F(Forgotten, TheHandlerGetsTypePlaceAndReasonAndTheValueIsDestroyedAfterwards) {
    RecordForgotten forgotten;
    {
        auto guard = make_guard<Resource>(log_, "a");
    }
    const auto line = __LINE__ - 2;
    ASSERT_EQ(forgotten.reports().size(), 1u);
    const auto& report = forgotten.reports().front();
    EXPECT_EQ(report.type, "asyncdrop_test::Resource");
    EXPECT_THAT(report.file, EndsWith("forgotten_test.cpp"));
    EXPECT_EQ(report.line, static_cast<unsigned>(line));
    EXPECT_EQ(report.reason, ForgottenReason::forgotten);
    EXPECT_THAT(log_.events(), ElementsAre("destroy a"));
}

TEST_F(Forgotten, ATypeWithoutDestructorIsReportedToo) {
    RecordForgotten forgotten;
    {
        auto guard = make_guard<SyncResource>(log_);
    }
    EXPECT_THAT(forgotten.reasons(), ElementsAre(ForgottenReason::forgotten));
}

TEST_F(Forgotten, DroppedMovedFromAndEmptyGuardsAreSilent) {
    RecordForgotten forgotten;
    {
        AsyncDropGuard<Resource> empty;
        auto dropped = make_guard<Resource>(log_, "a");
        run_coroutine(context_, dropped.async_drop());
        auto moved_from = make_guard<Resource>(log_, "b");
        AsyncDropGuard<Resource> target = std::move(moved_from);
        run_coroutine(context_, target.async_drop());
        auto boxed = make_guard<Resource>(log_, "c");
        auto box = std::move(boxed).into_box();
        asyncdrop::AsyncDropBox<Resource> other = std::move(box);
        run_coroutine(context_, other.async_drop());
    }
    EXPECT_TRUE(forgotten.reports().empty());
}

TEST_F(Forgotten, AnExceptionThatLeavesTheScopeIsUnwinding) {
    RecordForgotten forgotten;
    const auto leave = [&]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        co_await yield();
        throw Failure("body");
    };
    EXPECT_THROW(run_coroutine(context_, leave), Failure);
    EXPECT_THAT(forgotten.reasons(), ElementsAre(ForgottenReason::unwinding));
}

struct ForgetsInDestructor {
    Journal* log;
    ~ForgetsInDestructor() { auto guard = make_guard<Resource>(*log, "in destructor"); }
};

TEST_F(Forgotten, AScopeThatEndsNormallyDuringUnwindingIsForgotten) {
    RecordForgotten forgotten;
    try {
        ForgetsInDestructor object{&log_};
        throw Failure("unrelated");
    } catch (const Failure&) {
    }
    EXPECT_THAT(forgotten.reasons(), ElementsAre(ForgottenReason::forgotten));
}

struct ForgetsHandlesInDestructor {
    Journal* log;
    ~ForgetsHandlesInDestructor() {
        const asyncdrop::AsyncDropArc<Resource> arc(make_guard<Resource>(*log, "arc"));
        auto shared = asyncdrop::AsyncDropShared<Resource>::ready(make_guard<Resource>(*log, "shared"));
    }
};

TEST_F(Forgotten, AnArcAndASharedKnowTheirUnwindingAsAGuardDoes) {
    RecordForgotten forgotten;
    try {
        const ForgetsHandlesInDestructor object{&log_};
        throw Failure("unrelated");
    } catch (const Failure&) {
    }
    EXPECT_THAT(forgotten.reasons(), testing::Each(ForgottenReason::forgotten));
    EXPECT_GE(forgotten.reasons().size(), 2u);
    forgotten.reports().clear();
    try {
        const asyncdrop::AsyncDropArc<Resource> arc(make_guard<Resource>(log_, "arc"));
        auto shared = asyncdrop::AsyncDropShared<Resource>::ready(make_guard<Resource>(log_, "shared"));
        throw Failure("leaves their scope");
    } catch (const Failure&) {
    }
    EXPECT_THAT(forgotten.reasons(), testing::Each(ForgottenReason::unwinding));
    EXPECT_GE(forgotten.reasons().size(), 2u);
}

TEST_F(Forgotten, ADropThatACancelledCoroutineWasRefusedIsReportedAsSuch) {
    RecordForgotten forgotten;
    Cancellable cancellable;
    const auto naive = [&]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        cancellable.cancel();
        co_await guard.async_drop();
    };
    cancellable.spawn(context_, naive);
    EXPECT_TRUE(is_cancellation(cancellable.run(context_)));
    EXPECT_THAT(log_.events(), ElementsAre("destroy a"));
    EXPECT_THAT(forgotten.reasons(), ElementsAre(ForgottenReason::refused_by_cancellation));
}

TEST_F(Forgotten, ARefusedDropThatIsCaughtLeavesTheGuardArmedAndIsStillNamedLater) {
    RecordForgotten forgotten;
    Cancellable cancellable;
    const auto naive = [&]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        cancellable.cancel();
        try {
            co_await guard.async_drop();
        } catch (const boost::system::system_error&) {
            EXPECT_TRUE(guard);
        }
    };
    cancellable.spawn(context_, naive);
    EXPECT_FALSE(cancellable.run(context_));
    EXPECT_THAT(forgotten.reasons(), ElementsAre(ForgottenReason::refused_by_cancellation));
}

TEST_F(Forgotten, ADropThatNobodyAwaitsIsForgotten) {
    RecordForgotten forgotten;
    const auto discard = [&]() -> asio::awaitable<void> {
        auto guard = make_guard<Resource>(log_, "a");
        {
            asio::awaitable<void> never_awaited = guard.async_drop();
        }
        EXPECT_TRUE(guard);
        co_await yield();
    };
    run_coroutine(context_, discard);
    EXPECT_THAT(forgotten.reasons(), ElementsAre(ForgottenReason::forgotten));
}

TEST_F(Forgotten, AGuardThatOutlivesTheContextOfItsCleanupIsReported) {
    RecordForgotten forgotten;
    Gate never;
    {
        auto guard = make_guard<Resource>(log_, "a");
        guard->wait_on_drop(never);
        {
            asio::io_context context;
            asio::co_spawn(context, guard.async_drop(), asio::detached);
            Cancellable::run_until(context, [&never] { return never.waiting(); });
        }
        EXPECT_EQ(guard.creation_site().line(), __LINE__ - 7u);
    }
    EXPECT_THAT(forgotten.reasons(), ElementsAre(ForgottenReason::cleanup_abandoned));
    EXPECT_NE(forgotten.reports()[0].file.find("forgotten_test.cpp"), std::string::npos);
}

}  // namespace
}  // namespace asyncdrop_test
