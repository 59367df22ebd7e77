// testing::order_violations, with reports of real teardowns and with made-up ones that are out of order.

#include <asyncdrop/testing/teardown_order.hpp>

#include <gmock/gmock.h>

#include <asyncdrop/teardown_graph.hpp>
#include <chrono>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::NodeReport;
using asyncdrop::NodeState;
using asyncdrop::TeardownReport;
using asyncdrop::testing::order_violations;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

NodeReport node(std::string name, std::optional<int> started_ms, std::optional<int> ended_ms,
                std::vector<std::string> uses) {
    NodeReport node;
    node.name = std::move(name);
    if (started_ms) node.started = NodeReport::Time(milliseconds(*started_ms));
    if (ended_ms) node.ended = NodeReport::Time(milliseconds(*ended_ms));
    node.uses = std::move(uses);
    return node;
}

TeardownReport report(std::vector<NodeReport> nodes) {
    TeardownReport report;
    report.nodes = std::move(nodes);
    return report;
}

TEST(OrderViolations, OfARealTeardownAreNone) {
    Journal journal;
    asio::io_context context;
    auto graph = asyncdrop::TeardownGraph::create();
    auto store = graph->add("store", make_probe(journal, "store"));
    auto cache = graph->add("cache", make_probe(journal, "cache", failing("full")), asyncdrop::uses(store));
    graph->add("session", make_probe(journal, "session"), asyncdrop::uses(cache, store));
    const TeardownReport done = test_support::run_coroutine(context, graph->run());
    EXPECT_THAT(order_violations(done), IsEmpty());
    EXPECT_EQ(done.count(NodeState::failed), 1u);
    test_support::run_coroutine(context, graph.async_drop());
}

TEST(OrderViolations, AreTheUsersThatWereStillBusyOrNeverCleanedUp) {
    EXPECT_THAT(order_violations(report({node("store", 5, 9, {}), node("cache", 1, 6, {"store"}),
                                         node("index", {}, {}, {"store"}), node("log", 1, 5, {"store"})})),
                ElementsAre("the cleanup of store began before that of its user cache had ended",
                            "store was cleaned up, and its user index was not"));
}

TEST(OrderViolations, WhatHasNotBegunTookNothingFromItsUsers) {
    EXPECT_THAT(order_violations(report({node("store", {}, {}, {}), node("cache", 1, {}, {"store"})})),
                IsEmpty());
}

}  // namespace
