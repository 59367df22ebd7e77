// AsyncDropResult: a guard or an error.

#include <asyncdrop/result.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropResult;
using asyncdrop::CreationSite;
using test_support::run_coroutine;

using ProbeResult = AsyncDropResult<Probe, std::string>;

class Result : public testing::Test {
  protected:
    Journal journal;
    asio::io_context context;
};

TEST_F(Result, GivesAccessToTheResourceItHolds) {
    auto result = ProbeResult::success(make_probe(journal, "it"));
    EXPECT_TRUE(result->has_value());
    EXPECT_TRUE(static_cast<bool>(*result));
    result->value().value = 4;
    EXPECT_EQ((*result)->value, 4);
    EXPECT_EQ((**result).value, 4);
    const auto& constant = *result;
    EXPECT_EQ(constant.value().value, 4);
    EXPECT_EQ(constant->name(), "it");
    EXPECT_EQ(constant.get_if(), result->get_if());
    run_coroutine(context, result.async_drop());
}

TEST_F(Result, GivesAccessToTheErrorItHolds) {
    auto result = ProbeResult::failure("no such file");
    EXPECT_FALSE(result->has_value());
    EXPECT_FALSE(static_cast<bool>(*result));
    EXPECT_EQ(result->error(), "no such file");
    EXPECT_EQ(result->get_if(), nullptr);
    EXPECT_EQ(std::as_const(*result).get_if(), nullptr);
    run_coroutine(context, result.async_drop());
}

TEST_F(Result, GivesTheGuardBackWithItsDuty) {
    auto result = ProbeResult::success(make_probe(journal, "it"));
    auto taken = ProbeResult::take(result);
    EXPECT_FALSE(static_cast<bool>(result));
    ASSERT_TRUE(taken.has_value());
    AsyncDropGuard<Probe> guard = std::move(*taken);
    EXPECT_TRUE(journal.events().empty());
    EXPECT_EQ(guard->name(), "it");
    run_coroutine(context, guard.async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));
}

TEST_F(Result, GivesTheErrorBack) {
    auto result = ProbeResult::failure("no such file");
    const auto taken = ProbeResult::take(result);
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error(), "no such file");
    EXPECT_FALSE(static_cast<bool>(result));
}

TEST_F(Result, DroppingAResourceCleansItUp) {
    auto result = ProbeResult::success(make_probe(journal, "it"));
    run_coroutine(context, result.async_drop());
    EXPECT_EQ(journal.events(), (std::vector<std::string>{"drop it", "dropped it", "gone it"}));
    EXPECT_TRUE(result.is_dropped());
}

TEST_F(Result, DroppingAnErrorSucceeds) {
    auto result = ProbeResult::failure("no such file");
    EXPECT_EQ(run_coroutine(context, outcome_of(result.async_drop())), "no error");
    EXPECT_TRUE(result.is_dropped());
}

TEST_F(Result, DeliversTheErrorOfTheCleanup) {
    auto result = ProbeResult::success(make_probe(journal, "it", failing("disk full")));
    EXPECT_EQ(run_coroutine(context, outcome_of(result.async_drop())), "disk full");
    EXPECT_TRUE(journal.contains("gone it"));
}

TEST_F(Result, IsMadeOfAPlainResult) {
    using Plain = boost::system::result<AsyncDropGuard<Probe>>;
    using Guarded = AsyncDropResult<Probe, boost::system::error_code>;
    Plain good = make_probe(journal, "it");
    auto held = Guarded::from(std::move(good));
    EXPECT_TRUE(held->has_value());
    run_coroutine(context, held.async_drop());
    EXPECT_TRUE(journal.contains("dropped it"));

    Plain bad = boost::system::error_code(boost::asio::error::eof);
    auto failed = Guarded::from(std::move(bad));
    EXPECT_EQ(failed->error(), boost::asio::error::eof);
    run_coroutine(context, failed.async_drop());
}

TEST_F(Result, HoldsWhateverOwnsAResource) {
    AsyncDropArc<Probe> arc(make_probe(journal, "it"));
    auto result = AsyncDropResult<Probe, std::string, AsyncDropArc<Probe>>::success(arc.clone());
    EXPECT_EQ((*result)->name(), "it");
    EXPECT_EQ(arc.strong_count(), 2u);
    run_coroutine(context, result.async_drop());
    EXPECT_EQ(arc.strong_count(), 1u);
    run_coroutine(context, arc.async_drop());
}

TEST_F(Result, IsReportedLikeAnyGuardWhenItIsForgotten) {
    ForgottenRecorder recorder;
    {
        auto result = ProbeResult::success(make_probe(journal, "it"), CreationSite("main.cpp", 12));
    }
    ASSERT_EQ(recorder.entries().size(), 2u);  // the result, and the guard inside it
    EXPECT_NE(recorder.entries()[0].type.find("AsyncDropResult"), std::string::npos);
    EXPECT_EQ(recorder.entries()[0].site.line(), 12u);
    EXPECT_EQ(recorder.entries()[1].type, "Probe");
}

TEST_F(Result, RefusesMisuseWithASentence) {
    EXPECT_DEATH((void)ProbeResult::success(AsyncDropGuard<Probe>()), "made of an empty guard");
    auto error = ProbeResult::failure("no such file");
    EXPECT_DEATH((void)error->value(), "resource of a result was asked for that holds an error");
    run_coroutine(context, error.async_drop());
    auto good = ProbeResult::success(make_probe(journal, "it"));
    EXPECT_DEATH((void)good->error(), "error of a result was asked for that holds a resource");
    run_coroutine(context, good.async_drop());
}

}  // namespace
