// TeardownReport as text, with the times masked.

#include <asyncdrop/teardown_report.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/teardown_graph.hpp>
#include <regex>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::CreationSite;
using asyncdrop::NodeReport;
using asyncdrop::NodeState;
using asyncdrop::TeardownGraph;
using asyncdrop::TeardownReport;
using asyncdrop::uses;
using test_support::run_coroutine;

std::string mask_times(const std::string& text) {
    return std::regex_replace(text, std::regex("[0-9]+\\.[0-9] (ms|s)"), "<time>");
}

TEST(TeardownReport, SoFarShowsWhatHasNotEndedYet) {
    asio::io_context context;
    auto graph = TeardownGraph::create();
    TeardownReport during;
    auto nothing = []() -> asio::awaitable<void> { co_return; };
    auto look = [&during, &graph]() -> asio::awaitable<void> {
        during = graph->so_far();
        co_return;
    };
    auto store = graph->add_task("store", nothing);
    graph->add_task("cache", look, uses(store));
    EXPECT_EQ(graph->so_far().count(NodeState::waiting), 2u);
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_EQ(during.find("cache")->state, NodeState::dropping);
    EXPECT_EQ(during.find("store")->state, NodeState::waiting);
    EXPECT_GE(during.ended, during.started);
    EXPECT_EQ(graph->so_far().to_text(), report.to_text());
    run_coroutine(context, graph.async_drop());
}

TEST(TeardownReport, ShowsATreeOfUsersAboveWhatTheyUse) {
    Journal journal;
    asio::io_context context;
    auto graph = TeardownGraph::create();
    const auto add = [&](const char* name, Cleanup cleanup, unsigned line, auto&&... options) {
        return graph->add(name, make_probe(journal, name, std::move(cleanup), CreationSite("main.cpp", line)),
                          options...);
    };
    auto store = add("store", {}, 10);
    auto index = add("index", failing("index: disk full"), 11, uses(store));
    auto cache = add("cache", {}, 12, uses(store, index));
    add("session", {}, 13, uses(cache, store));
    add("metrics", {}, 14);
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_EQ(mask_times(report.to_text()),
              "teardown of 5 nodes in <time>: 4 dropped, 1 failed\n"
              "├─ session: dropped in <time>, begun at <time>\n"
              "│  ├─ store: dropped in <time>, begun at <time>\n"
              "│  └─ cache: dropped in <time>, begun at <time>\n"
              "│     ├─ store (see above)\n"
              "│     └─ index: failed in <time>, begun at <time>: index: disk full [created at main.cpp:11]\n"
              "│        └─ store (see above)\n"
              "└─ metrics: dropped in <time>, begun at <time>\n");
    run_coroutine(context, graph.async_drop());
}

TEST(TeardownReport, ShowsWhatWasAbandonedAndSkippedAndHowLongItTook) {
    using std::chrono::milliseconds;
    TeardownReport report;
    report.ended = report.started + milliseconds(61500);
    NodeReport store;
    store.name = "store";
    store.state = NodeState::skipped;
    store.site = CreationSite("main.cpp", 1);
    store.waited_for = {"cache"};
    NodeReport cache;
    cache.name = "cache";
    cache.state = NodeState::abandoned;
    cache.site = CreationSite("main.cpp", 2);
    cache.started = report.started + milliseconds(250);
    cache.ended = report.started + milliseconds(60250);
    cache.error = std::make_exception_ptr(std::runtime_error("too slow"));
    cache.error_text = "too slow";
    cache.uses = {"store"};
    report.nodes = {store, cache};
    EXPECT_EQ(report.to_text(),
              "teardown of 2 nodes in 61.5 s: 1 abandoned, 1 skipped\n"
              "└─ cache: abandoned after 60.0 s, begun at 250.0 ms: too slow [created at main.cpp:2]\n"
              "   └─ store: skipped, because something that uses it was abandoned [created at main.cpp:1]\n");
    EXPECT_FALSE(report.ok());
    EXPECT_EQ(report.count(NodeState::skipped), 1u);
    EXPECT_EQ(message_of(report.first_error()), "too slow");
}

TEST(TeardownReport, OfNothingIsFine) {
    const TeardownReport report;
    EXPECT_TRUE(report.ok());
    EXPECT_EQ(report.first_error(), nullptr);
    EXPECT_EQ(report.to_text(), "teardown of 0 nodes in 0.0 ms\n");
}

TEST(TeardownReport, ListsErrorsInTheOrderInWhichTheyHappened) {
    using std::chrono::milliseconds;
    TeardownReport report;
    for (const int end : {30, 10, 20}) {
        NodeReport node;
        node.name = std::to_string(end);
        node.state = NodeState::failed;
        node.ended = report.started + milliseconds(end);
        node.error = std::make_exception_ptr(std::runtime_error(node.name));
        report.nodes.push_back(node);
    }
    EXPECT_EQ(message_of(report.first_error()), "10");
    std::vector<std::string> order;
    for (const NodeReport* node : report.failures()) order.push_back(node->name);
    EXPECT_EQ(order, (std::vector<std::string>{"10", "20", "30"}));
}

}  // namespace
