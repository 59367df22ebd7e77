// A TeardownReport as JSON, Chrome trace and Graphviz; checked with an independent JSON parser.

#include <asyncdrop/teardown_export.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/teardown_graph.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::CreationSite;
using asyncdrop::NodeReport;
using asyncdrop::NodeState;
using asyncdrop::TeardownReport;
using nlohmann::json;
using std::chrono::microseconds;

NodeReport node(const TeardownReport& report, std::string name, NodeState state, int started_us,
                int ended_us) {
    NodeReport made;
    made.name = std::move(name);
    made.type = "Probe";
    made.site = CreationSite("main.cpp", 12);
    made.state = state;
    if (started_us >= 0) made.started = report.started + microseconds(started_us);
    if (ended_us >= 0) made.ended = report.started + microseconds(ended_us);
    return made;
}

/// cache and log overlap; cache uses store; log failed; disk was skipped.
TeardownReport example() {
    TeardownReport report;
    report.ended = report.started + microseconds(1000);
    report.nodes.push_back(node(report, "disk", NodeState::skipped, -1, -1));
    report.nodes.push_back(node(report, "store", NodeState::abandoned, 500, 1000));
    report.nodes.push_back(node(report, "cache", NodeState::dropped, 0, 500));
    report.nodes.push_back(node(report, "log", NodeState::failed, 100, 300));
    report.nodes[0].waited_for = {"store"};
    report.nodes[1].uses = {"disk"};
    report.nodes[1].waited_for = {"cache"};
    report.nodes[1].cancelled = report.started + microseconds(700);
    report.nodes[2].uses = {"store"};
    report.nodes[3].error = std::make_exception_ptr(std::runtime_error("disk \"full\"\n"));
    report.nodes[3].error_text = "disk \"full\"\n";
    return report;
}

TEST(TeardownExport, WritesTheWholeReportAsJson) {
    const json parsed = json::parse(to_json(example()));
    EXPECT_EQ(parsed["duration_us"], 1000.0);
    EXPECT_EQ(parsed["ok"], false);
    ASSERT_EQ(parsed["nodes"].size(), 4u);
    const json& disk = parsed["nodes"][0];
    EXPECT_EQ(disk["state"], "skipped");
    EXPECT_TRUE(disk["started_us"].is_null());
    EXPECT_TRUE(disk["error"].is_null());
    EXPECT_EQ(disk["waited_for"], json::array({"store"}));
    const json& store = parsed["nodes"][1];
    EXPECT_EQ(store["name"], "store");
    EXPECT_EQ(store["type"], "Probe");
    EXPECT_EQ(store["file"], "main.cpp");
    EXPECT_EQ(store["line"], 12);
    EXPECT_EQ(store["started_us"], 500.0);
    EXPECT_EQ(store["ended_us"], 1000.0);
    EXPECT_EQ(store["cancelled_us"], 700.0);
    EXPECT_EQ(store["uses"], json::array({"disk"}));
    EXPECT_EQ(parsed["nodes"][3]["error"], "disk \"full\"\n");
}

TEST(TeardownExport, WritesAnEmptyReport) {
    EXPECT_EQ(json::parse(asyncdrop::to_json(TeardownReport()))["nodes"], json::array());
    EXPECT_EQ(json::parse(asyncdrop::to_chrome_trace(TeardownReport()))["traceEvents"].size(), 1u);
    EXPECT_NE(asyncdrop::to_graphviz(TeardownReport()).find("digraph teardown {"), std::string::npos);
}

TEST(TeardownExport, EscapesWhateverANameContains) {
    TeardownReport report;
    const std::vector<std::string> names = {
        "quote\" backslash\\ tab\t nul" + std::string(1, '\0') + " del\x7F",
        "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80", "\n"};
    const std::vector<std::string> broken = {
        "\x80", "\xC3",    "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF0\x80\x80\x80",
        "\xFF", "\xE2\x82"};
    for (const auto& list : {names, broken}) {
        for (const std::string& name : list) {
            report.nodes.push_back(node(report, "<" + name + ">", NodeState::dropped, 0, 1));
        }
    }
    const json parsed = json::parse(to_json(report));  // throws if it is not valid UTF-8
    for (std::size_t i = 0; i < names.size(); ++i) {
        EXPECT_EQ(parsed["nodes"][i]["name"], "<" + names[i] + ">");
    }
    for (std::size_t i = names.size(); i < report.nodes.size(); ++i) {
        const std::string name = parsed["nodes"][i]["name"];
        EXPECT_EQ(name.rfind("<\xEF\xBF\xBD", 0), 0u) << i;
        EXPECT_EQ(name.back(), '>') << i;
    }
    EXPECT_EQ(json::parse(to_chrome_trace(report))["traceEvents"].size(), 1 + report.nodes.size());
}

TEST(TeardownExport, TracesEachCleanupOnARowWhereNothingOverlaps) {
    const json events = json::parse(to_chrome_trace(example()))["traceEvents"];
    std::map<std::string, json> slices;
    std::size_t arrows = 0;
    std::size_t marks = 0;
    for (const json& event : events) {
        if (event["ph"] == "X") slices[event["name"]] = event;
        if (event["ph"] == "s") ++arrows;
        if (event["ph"] == "i") ++marks;
    }
    ASSERT_EQ(slices.size(), 3u);  // not the skipped one
    EXPECT_EQ(slices["cache"]["ts"], 0.0);
    EXPECT_EQ(slices["cache"]["dur"], 500.0);
    EXPECT_EQ(slices["cache"]["tid"], slices["store"]["tid"]);
    EXPECT_NE(slices["cache"]["tid"], slices["log"]["tid"]);
    EXPECT_EQ(slices["log"]["args"]["error"], "disk \"full\"\n");
    EXPECT_EQ(slices["log"]["args"]["created"], "main.cpp:12");
    EXPECT_EQ(arrows, 1u);  // from the cache to the store; the disk was never begun
    EXPECT_EQ(marks, 1u);
}

TEST(TeardownExport, DrawsTheGraph) {
    const std::string text = to_graphviz(example());
    EXPECT_NE(text.find("  \"cache\" -> \"store\";\n"), std::string::npos) << text;
    EXPECT_NE(text.find("  \"store\" -> \"disk\";\n"), std::string::npos) << text;
    EXPECT_NE(
        text.find("\"log\" [label=\"log\\nfailed, 0.2 ms\\ndisk \\\"full\\\"\\n\", fillcolor=lightcoral]"),
        std::string::npos)
        << text;
    EXPECT_NE(text.find("\"disk\" [label=\"disk\\nskipped\", fillcolor=lightgrey]"), std::string::npos)
        << text;
    EXPECT_EQ(text.back(), '\n');
}

TEST(TeardownExport, ExportsARealTeardown) {
    Journal journal;
    asio::io_context context;
    auto graph = asyncdrop::TeardownGraph::create();
    auto store = graph->add("store", make_probe(journal, "store"));
    graph->add("cache", make_probe(journal, "cache", failing("disk full")), asyncdrop::uses(store));
    const TeardownReport report = test_support::run_coroutine(context, graph->run());
    const json parsed = json::parse(to_json(report));
    EXPECT_EQ(parsed["nodes"][1]["error"], "disk full");
    EXPECT_GE(parsed["nodes"][0]["started_us"], parsed["nodes"][1]["ended_us"]);
    test_support::run_coroutine(context, graph.async_drop());
}

}  // namespace
