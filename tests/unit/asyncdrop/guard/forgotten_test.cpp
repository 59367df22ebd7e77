// Forgotten drops: who is told, with what reason, and what the default handler does.
#include <asyncdrop/forgotten.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/shared.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <thread>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropGuard;
using asyncdrop::ForgottenAction;
using asyncdrop::ForgottenReason;
using asyncdrop::make_box;
using asyncdrop::make_guard;
using test_support::run_coroutine;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

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

/// Output of the default handler, through the message sink.
class DefaultHandler : public Forgotten {
  protected:
    DefaultHandler() : former_(asyncdrop::set_message_sink(&collect)) { lines().clear(); }
    ~DefaultHandler() override { asyncdrop::set_message_sink(former_); }
    static std::vector<std::string>& lines() {
        static std::vector<std::string> all;
        return all;
    }

  private:
    static void collect(std::string_view line) noexcept { lines().emplace_back(line); }
    asyncdrop::MessageSink former_;
};

TEST_F(DefaultHandler, PrintsOneLineThroughTheSinkIfToldToPrint) {
    const auto former = asyncdrop::set_forgotten_action(ForgottenReason::forgotten, ForgottenAction::print);
    EXPECT_EQ(former, ForgottenAction::abort);
    {
        auto guard = make_guard<Resource>(log_, "a");
    }
    asyncdrop::set_forgotten_action(ForgottenReason::forgotten, former);
    ASSERT_EQ(lines().size(), 1u);
    EXPECT_THAT(lines().front(),
                testing::StartsWith("Forgot to call async_drop on asyncdrop_test::Resource"));
    EXPECT_THAT(lines().front(), HasSubstr("forgotten_test.cpp:"));
}

TEST_F(DefaultHandler, SaysNothingIfToldToIgnore) {
    const auto former = asyncdrop::set_forgotten_action(ForgottenReason::forgotten, ForgottenAction::ignore);
    {
        auto guard = make_guard<Resource>(log_, "a");
    }
    asyncdrop::set_forgotten_action(ForgottenReason::forgotten, former);
    EXPECT_TRUE(lines().empty());
}

/// What the report sink gets, kept.
class Reports : public Forgotten {
  protected:
    struct Kept {
        asyncdrop::ReportKind kind;
        std::string text, type, name, file;
        std::optional<ForgottenReason> reason;
        bool fatal;
    };

    Reports() : former_(asyncdrop::set_report_sink(&keep)) { kept().clear(); }
    ~Reports() override { asyncdrop::set_report_sink(former_); }
    static std::vector<Kept>& kept() {
        static std::vector<Kept> all;
        return all;
    }

  private:
    static void keep(const asyncdrop::Report& report) noexcept {
        kept().push_back(Kept{report.kind, std::string(report.text), std::string(report.type),
                              std::string(report.name), report.site.file(), report.reason, report.fatal});
    }
    asyncdrop::ReportSink former_;
};

TEST_F(Reports, SayWhoWasForgottenWhereAndWhy) {
    const auto former = asyncdrop::set_forgotten_action(ForgottenReason::forgotten, ForgottenAction::print);
    const auto sink = asyncdrop::set_message_sink([](std::string_view) noexcept { FAIL(); });
    {
        auto guard = make_guard<Resource>(log_, "a");
    }
    asyncdrop::set_message_sink(sink);
    asyncdrop::set_forgotten_action(ForgottenReason::forgotten, former);
    ASSERT_EQ(kept().size(), 1u);
    const Kept& report = kept().front();
    EXPECT_EQ(report.kind, asyncdrop::ReportKind::forgotten);
    EXPECT_EQ(report.type, "asyncdrop_test::Resource");
    EXPECT_THAT(report.file, HasSubstr("forgotten_test.cpp"));
    EXPECT_EQ(report.reason, ForgottenReason::forgotten);
    EXPECT_FALSE(report.fatal);
    EXPECT_THAT(report.text, testing::StartsWith("Forgot to call async_drop on asyncdrop_test::Resource"));
}

TEST_F(Reports, SayThatAForgottenDropIsFatal) {
    const auto abort_if_told = [] {
        asyncdrop::set_forgotten_action(ForgottenReason::forgotten, ForgottenAction::abort);
        asyncdrop::set_report_sink([](const asyncdrop::Report& report) noexcept {
            if (report.fatal) std::fputs("it is fatal", stderr);
        });
        Journal log;
        const auto guard = make_guard<Resource>(log, "a");
    };
    EXPECT_DEATH(abort_if_told(), "it is fatal");
}

TEST_F(Reports, TellMisuseWithTypeAndPlace) {
    const auto misuse = [] {
        asyncdrop::set_report_sink([](const asyncdrop::Report& report) noexcept {
            if (report.kind == asyncdrop::ReportKind::misuse && report.fatal && report.site.line() > 0) {
                std::fprintf(stderr, "misuse of %.*s", static_cast<int>(report.type.size()),
                             report.type.data());
            }
        });
        Journal log;
        auto guard = make_guard<Resource>(log, "a");
        auto other = make_guard<Resource>(log, "b");
        guard = std::move(other);
    };
    EXPECT_DEATH(misuse(), "misuse of asyncdrop_test::Resource");
}

using Misuse = Forgotten;
using MisuseDeathTest = Forgotten;

TEST_F(MisuseDeathTest, DereferenceAfterTheDrop) {
    auto guard = make_guard<Resource>(log_, "a");
    run_coroutine(context_, guard.async_drop());
    EXPECT_DEATH(
        (void)guard->name(),
        "a guard was dereferenced after its async_drop .asyncdrop_test::Resource, created at .*[0-9]");
    auto box = make_box<SyncResource>(log_);
    run_coroutine(context_, box.async_drop());
    EXPECT_DEATH((void)*box, "a guard was dereferenced after its async_drop");
}

TEST_F(MisuseDeathTest, DereferenceOfAnEmptyGuard) {
    AsyncDropGuard<Resource> guard;
    EXPECT_DEATH((void)guard->name(), "an empty guard was dereferenced");
}

TEST_F(MisuseDeathTest, AssignmentOverAnArmedGuard) {
    auto a = make_guard<Resource>(log_, "a");
    auto b = make_guard<Resource>(log_, "b");
    EXPECT_DEATH(a = std::move(b), "a guard was assigned over a guard that has not been dropped");
    run_coroutine(context_, a.async_drop());
    run_coroutine(context_, b.async_drop());
    auto c = make_box<SyncResource>(log_);
    EXPECT_DEATH(c = asyncdrop::AsyncDropBox<SyncResource>(), "assigned over");
    run_coroutine(context_, c.async_drop());
}

class DuringTheDrop : public Forgotten {
  protected:
    /// Suspends the drop of `guard` in its middle.
    template <class G>
    void suspend_drop(G& guard) {
        guard->wait_on_drop(gate_);
        asio::co_spawn(context_, guard.async_drop(), [this](std::exception_ptr) { ended_ = true; });
        Cancellable::run_until(context_, [this] { return gate_.waiting(); });
    }
    /// Destroys what `owner` points to, on the context's thread.
    template <class G>
    void destroy(std::unique_ptr<G>& owner) {
        asio::post(context_, [&owner] { owner.reset(); });
        Cancellable::run_until(context_, [&owner] { return owner == nullptr; });
    }
    void finish() {
        gate_.open();
        Cancellable::run_until(context_, [this] { return ended_; });
    }

    Gate gate_;
    bool ended_ = false;
};
using DuringTheDropDeathTest = DuringTheDrop;

TEST_F(DuringTheDropDeathTest, EveryUseIsAMisuse) {
    auto guard = make_guard<Resource>(log_, "a");
    suspend_drop(guard);
    EXPECT_FALSE(guard.is_dropped());
    EXPECT_FALSE(guard);
    EXPECT_DEATH((void)guard->name(), "a guard was dereferenced while its async_drop is running");
    EXPECT_DEATH(
        { AsyncDropGuard<Resource> other = std::move(guard); },
        "a guard was moved while its async_drop is running");
    EXPECT_DEATH(run_coroutine(context_, guard.async_drop()),
                 "async_drop was called while another async_drop of the same guard is running");
    EXPECT_DEATH(guard = AsyncDropGuard<Resource>(), "assigned over");
    finish();
    EXPECT_TRUE(guard.is_dropped());
}

TEST_F(DuringTheDropDeathTest, EveryUseOfABoxIsAMisuse) {
    auto box = make_box<Resource>(log_, "a");
    suspend_drop(box);
    EXPECT_DEATH((void)box->name(), "a guard was dereferenced while its async_drop is running");
    EXPECT_DEATH(
        { asyncdrop::AsyncDropBox<Resource> other = std::move(box); },
        "a guard was moved while its async_drop");
    EXPECT_DEATH(run_coroutine(context_, box.async_drop()), "while another async_drop of the same guard");
    finish();
}

TEST_F(DuringTheDropDeathTest, DestructionOfTheGuardInItsContextIsAMisuse) {
    auto guard = std::make_unique<AsyncDropGuard<Resource>>(make_guard<Resource>(log_, "a"));
    suspend_drop(*guard);
    EXPECT_DEATH(destroy(guard),
                 "a guard was destroyed while its async_drop is running .*forgotten_test.cpp");
    finish();
}

TEST_F(DuringTheDropDeathTest, DestructionOfABoxInItsContextIsAMisuse) {
    auto box = std::make_unique<asyncdrop::AsyncDropBox<Resource>>(make_box<Resource>(log_, "a"));
    suspend_drop(*box);
    EXPECT_DEATH(destroy(box), "a guard was destroyed while its async_drop is running");
    finish();
}

asio::awaitable<void> drop_unasked(AsyncDropGuard<Resource> guard, asio::io_context& context) {
    guard.async_drop(context.get_executor(), asio::detached);
    co_await yield();  // the cleanup begins; the guard is a parameter and ends here
}

TEST_F(DuringTheDropDeathTest, ALocalGuardWhoseDropNobodyAwaitsIsAMisuse) {
    auto guard = make_guard<Resource>(log_, "a");
    guard->wait_on_drop(gate_);
    EXPECT_DEATH(run_coroutine(context_, drop_unasked(std::move(guard), context_)),
                 "a guard was destroyed while its async_drop is running");
    gate_.open();
    run_coroutine(context_, guard.async_drop());
}

TEST_F(DuringTheDropDeathTest, DestructionUnderABracketThatBorrowsIsAMisuse) {
    auto guard = std::make_unique<AsyncDropGuard<Resource>>(make_guard<Resource>(log_, "a"));
    (*guard)->wait_on_drop(gate_);
    const auto body = [](Resource&) {};
    asio::co_spawn(context_, asyncdrop::with_async_drop(*guard, body),
                   [this](std::exception_ptr) { ended_ = true; });
    Cancellable::run_until(context_, [this] { return gate_.waiting(); });
    EXPECT_DEATH(destroy(guard), "a guard was destroyed while its async_drop is running");
    finish();
}

TEST_F(DuringTheDropDeathTest, DestructionOutsideOfItsContextIsAMisuseToo) {
    auto guard = make_guard<Resource>(log_, "a");
    suspend_drop(guard);
    EXPECT_DEATH({ guard.~AsyncDropGuard(); }, "a guard was destroyed while its async_drop is running");
    finish();
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

TEST_F(DuringTheDropDeathTest, EveryReasonCanBeMadeFatal) {
    const auto leave = [this] {
        asyncdrop::set_forgotten_actions(asyncdrop::ForgottenAction::abort);
        Gate never;
        auto guard = make_guard<Resource>(log_, "a");
        guard->wait_on_drop(never);
        asio::io_context context;
        asio::co_spawn(context, guard.async_drop(), asio::detached);
        Cancellable::run_until(context, [&never] { return never.waiting(); });
        throw Failure("leaves after the context is gone");
    };
    const auto run = [&leave] {
        try {
            leave();
        } catch (const Failure&) {
        }
    };
    EXPECT_DEATH(run(), "Forgot to call async_drop on .*: its cleanup had begun and was abandoned");
}

TEST_F(Forgotten, EveryReasonCanBeIgnored) {
    asyncdrop::set_forgotten_actions(asyncdrop::ForgottenAction::ignore);
    {
        auto guard = make_guard<Resource>(log_, "a");
    }
    asyncdrop::set_forgotten_actions(asyncdrop::ForgottenAction::print);
    asyncdrop::set_forgotten_action(ForgottenReason::forgotten, asyncdrop::ForgottenAction::abort);
    asyncdrop::set_forgotten_action(ForgottenReason::unwinding, asyncdrop::ForgottenAction::abort);
    EXPECT_THAT(log_.events(), ElementsAre("destroy a"));
}

void leave_a_mark(std::string_view sentence) noexcept {
    std::fprintf(stderr, "custom handler: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
}

TEST_F(MisuseDeathTest, TheHandlerCanBeReplacedAndTheProgramStillEnds) {
    AsyncDropGuard<Resource> guard;
    asyncdrop::set_misuse_handler(&leave_a_mark);
    EXPECT_DEATH((void)guard->name(), "custom handler: asyncdrop: an empty guard was dereferenced");
    asyncdrop::set_misuse_handler(nullptr);
}

}  // namespace
}  // namespace asyncdrop_test
