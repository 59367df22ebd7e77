// A teardown whose execution contexts die under it.

#include <gtest/gtest.h>

#include <asyncdrop/teardown_graph.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropGuard;
using asyncdrop::NodeState;
using asyncdrop::TeardownErrc;
using asyncdrop::TeardownError;
using asyncdrop::TeardownGraph;
using asyncdrop::TeardownReport;
using asyncdrop::uses;
using test_support::run_coroutine;

class TeardownContext : public testing::Test {
  protected:
    TeardownReport report_of(AsyncDropGuard<TeardownGraph>& graph) {
        return run_coroutine(context, graph->run());
    }

    ForgottenRecorder recorder;  // cleanups that are abandoned by a dying context are reported
    Journal journal;
    asio::io_context context;
};

TEST_F(TeardownContext, GivesUpANodeWhoseContextDies) {
    Gate gate;
    auto dying = std::make_unique<asio::io_context>();
    auto graph = TeardownGraph::create();
    auto store = graph->add("store", make_probe(journal, "store"));
    graph->add("cache", make_probe(journal, "cache", waiting_for(gate)), uses(store),
               asyncdrop::on(dying->get_executor()));
    graph->add("metrics", make_probe(journal, "metrics"));
    std::optional<TeardownReport> report;
    asio::co_spawn(context, graph->run(),
                   [&](const std::exception_ptr&, TeardownReport result) { report = std::move(result); });
    context.poll();
    dying->poll();
    EXPECT_TRUE(journal.contains("drop cache"));
    EXPECT_FALSE(report.has_value());
    dying.reset();
    context.run();
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->find("cache")->state, NodeState::abandoned);
    EXPECT_EQ(report->find("store")->state, NodeState::skipped);
    EXPECT_EQ(report->find("metrics")->state, NodeState::dropped);
    try {
        std::rethrow_exception(report->first_error());
    } catch (const TeardownError& error) {
        EXPECT_EQ(error.code(), TeardownErrc::context_lost);
    }
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownContext, GivesUpANodeThatNeverGotToRun) {
    auto idle = std::make_unique<asio::io_context>();
    auto graph = TeardownGraph::create();
    graph->add("cache", make_probe(journal, "cache"), asyncdrop::on(idle->get_executor()));
    std::optional<TeardownReport> report;
    asio::co_spawn(context, graph->run(),
                   [&](const std::exception_ptr&, TeardownReport result) { report = std::move(result); });
    context.poll();
    idle.reset();
    context.run();
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->find("cache")->state, NodeState::abandoned);
    EXPECT_FALSE(journal.contains("drop cache"));
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownContext, GoesOnWithoutTheCallersContextForNodesThatHaveTheirOwn) {
    Gate gate;
    auto graph = TeardownGraph::create();
    auto store = graph->add("store", make_probe(journal, "store"), asyncdrop::on(context.get_executor()));
    graph->add("cache", make_probe(journal, "cache", waiting_for(gate)), uses(store),
               asyncdrop::on(context.get_executor()));
    {
        asio::io_context caller;
        asio::co_spawn(caller, graph->run(), [](const std::exception_ptr&, const TeardownReport&) {});
        caller.poll();
        context.poll();
        EXPECT_TRUE(journal.contains("drop cache"));
    }
    gate.open();
    context.restart();
    context.run();
    EXPECT_TRUE(journal.contains("dropped store"));
    EXPECT_TRUE(report_of(graph).ok());
    run_coroutine(context, graph.async_drop());
    EXPECT_TRUE(recorder.entries().empty());
}

TEST_F(TeardownContext, HoldsNoStrandAfterItsEnd) {
    auto graph = TeardownGraph::create();
    {
        asio::io_context gone;
        auto strand = asio::make_strand(gone);
        graph->add("store", make_probe(journal, "store"), asyncdrop::on(strand));
        asio::co_spawn(strand, graph->run(), [](const std::exception_ptr&, const TeardownReport&) {});
        gone.run();
        EXPECT_TRUE(journal.contains("dropped store"));
    }
    // A strand that outlives its context is a use after free, which the address sanitizer would see here.
    EXPECT_TRUE(report_of(graph).ok());
    run_coroutine(context, graph.async_drop());
}

std::vector<std::string>& lines() {
    static std::vector<std::string> all;
    return all;
}

TEST_F(TeardownContext, SaysWhatIsLeftIfNobodyGotTheReport) {
    lines().clear();
    const auto before =
        asyncdrop::set_message_sink([](std::string_view line) noexcept { lines().emplace_back(line); });
    Gate gate;
    {
        auto graph = TeardownGraph::create();
        asio::io_context only;
        auto store = graph->add("store", make_probe(journal, "store"));
        graph->add("cache", make_probe(journal, "cache", waiting_for(gate)), uses(store));
        graph->add("metrics", make_probe(journal, "metrics"));
        asio::co_spawn(only, graph.async_drop(), asio::detached);
        only.poll();
        EXPECT_TRUE(journal.contains("drop cache"));
    }
    asyncdrop::set_message_sink(before);
    EXPECT_FALSE(journal.contains("gone store"));  // an abandoned cleanup might still use it
    ASSERT_EQ(lines().size(), 2u);
    EXPECT_NE(lines()[0].find("\"store\""), std::string::npos) << lines()[0];
    EXPECT_NE(lines()[0].find("was skipped"), std::string::npos) << lines()[0];
    EXPECT_NE(lines()[1].find("\"cache\""), std::string::npos) << lines()[1];
    EXPECT_NE(lines()[1].find("was abandoned: the execution context"), std::string::npos) << lines()[1];
}

TEST_F(TeardownContext, GivesUpACancellableNodeWhoseContextDies) {
    auto dying = std::make_unique<asio::io_context>();
    auto graph = TeardownGraph::create();
    Gate gate;
    graph->add("cache", make_probe(journal, "cache", waiting_for(gate)), asyncdrop::on(dying->get_executor()),
               asyncdrop::cancel_after(std::chrono::hours(1)));
    std::optional<TeardownReport> report;
    asio::co_spawn(context, graph->run(),
                   [&](const std::exception_ptr&, TeardownReport result) { report = std::move(result); });
    context.poll();
    dying->poll();
    EXPECT_TRUE(journal.contains("drop cache"));
    dying.reset();
    context.run();
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->find("cache")->state, NodeState::abandoned);
    EXPECT_NE(report->find("cache")->error_text.find("was destroyed"), std::string::npos);
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownContext, EndsWithItsOnlyContext) {
    Gate gate;
    {
        auto graph = TeardownGraph::create();
        asio::io_context only;
        graph->add("cache", make_probe(journal, "cache", waiting_for(gate)));
        asio::co_spawn(only, graph.async_drop(), asio::detached);
        only.poll();
        EXPECT_TRUE(journal.contains("drop cache"));
    }
    EXPECT_FALSE(journal.contains("dropped cache"));
    EXPECT_TRUE(journal.contains("gone cache"));
    ASSERT_FALSE(recorder.entries().empty());
    for (const auto& entry : recorder.entries()) {
        EXPECT_EQ(entry.reason, asyncdrop::ForgottenReason::cleanup_abandoned) << entry.type;
    }
}

}  // namespace
