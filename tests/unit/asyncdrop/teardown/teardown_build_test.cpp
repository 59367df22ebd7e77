// TeardownGraph while it is being built: what it takes, what it refuses, and that a refusal changes nothing.

#include <asyncdrop/teardown_handle.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <optional>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;
using asyncdrop::NodeHandle;
using asyncdrop::TeardownErrc;
using asyncdrop::TeardownError;
using asyncdrop::TeardownGraph;
using asyncdrop::uses;
using test_support::run_coroutine;

class TeardownBuild : public testing::Test {
  protected:
    /// What `call` is refused with.
    template <class Call>
    std::optional<TeardownErrc> refusal(Call&& call) {
        try {
            call();
        } catch (const TeardownError& error) {
            sentence = error.what();
            return error.code();
        }
        return std::nullopt;
    }

    void drop(AsyncDropGuard<Probe>& guard) { run_coroutine(context, guard.async_drop()); }

    Journal journal;
    std::string sentence;
    asio::io_context context;
    AsyncDropGuard<TeardownGraph> graph = TeardownGraph::create();

    void TearDown() override { run_coroutine(context, graph.async_drop()); }
};

TEST_F(TeardownBuild, GivesAccessToWhatItOwns) {
    const NodeHandle<Probe> guarded = graph->add("guarded", make_probe(journal, "guarded"));
    AsyncDropBox<ProbeBase> box(asyncdrop::make_box<Probe>(journal, "boxed", Cleanup{}));
    const NodeHandle<ProbeBase> boxed = graph->add("boxed", std::move(box));
    AsyncDropArc<Probe> arc(make_probe(journal, "shared"));
    const NodeHandle<Probe> shared = graph->add("shared", std::move(arc));
    EXPECT_EQ(graph->get(guarded).name(), "guarded");
    EXPECT_EQ(graph->get(boxed).name(), "boxed");
    EXPECT_EQ(graph->get(shared).name(), "shared");
    run_coroutine(context, graph.async_drop());
    for (const char* name : {"guarded", "boxed", "shared"}) {
        EXPECT_TRUE(journal.contains(std::string("dropped ") + name));
    }
}

TEST_F(TeardownBuild, RefusesATakenNameAndLeavesTheGuardToItsOwner) {
    graph->add("store", make_probe(journal, "first"));
    auto second = make_probe(journal, "second");
    EXPECT_EQ(refusal([&] { graph->add("store", std::move(second)); }), TeardownErrc::duplicate_name);
    EXPECT_NE(sentence.find("\"store\""), std::string::npos) << sentence;
    ASSERT_TRUE(static_cast<bool>(second));
    drop(second);
}

TEST_F(TeardownBuild, RefusesAnEdgeThatClosesACycleAndNamesIt) {
    auto store = graph->add("store", make_probe(journal, "store"));
    auto index = graph->add("index", make_probe(journal, "index"), uses(store));
    auto cache = graph->add("cache", make_probe(journal, "cache"), uses(index));
    EXPECT_EQ(refusal([&] { graph->add_edge(store, cache); }), TeardownErrc::cycle);
    EXPECT_NE(sentence.find("store -> cache -> index -> store"), std::string::npos) << sentence;
    EXPECT_EQ(refusal([&] { graph->add_edge(store, store); }), TeardownErrc::cycle);
    EXPECT_NE(sentence.find("store -> store"), std::string::npos) << sentence;
    // The refused edge is not there: the teardown comes to its end.
    const auto report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok());
    EXPECT_EQ(report.find("store")->uses.size(), 0u);
}

TEST_F(TeardownBuild, AcceptsAnEdgeTwice) {
    auto store = graph->add("store", make_probe(journal, "store"));
    auto cache = graph->add("cache", make_probe(journal, "cache"), uses(store, store));
    graph->add_edge(cache, store);
    const auto report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok());
    EXPECT_EQ(report.find("cache")->uses, (std::vector<std::string>{"store"}));
    EXPECT_EQ(report.find("store")->waited_for, (std::vector<std::string>{"cache"}));
}

TEST_F(TeardownBuild, RefusesHandlesThatAreNotItsOwn) {
    auto other = TeardownGraph::create();
    auto foreign = other->add("store", make_probe(journal, "foreign"));
    auto own = graph->add("store", make_probe(journal, "own"));
    auto guard = make_probe(journal, "cache");
    EXPECT_EQ(refusal([&] { graph->add("cache", std::move(guard), uses(foreign)); }),
              TeardownErrc::unknown_node);
    EXPECT_TRUE(static_cast<bool>(guard));
    EXPECT_EQ(refusal([&] { graph->add_edge(own, foreign); }), TeardownErrc::unknown_node);
    EXPECT_EQ(refusal([&] { graph->get(NodeHandle<Probe>()); }), TeardownErrc::unknown_node);
    drop(guard);
    run_coroutine(context, other.async_drop());
}

TEST_F(TeardownBuild, RefusesAGuardWithoutAResource) {
    AsyncDropGuard<Probe> empty;
    EXPECT_EQ(refusal([&] { graph->add("empty", std::move(empty)); }), TeardownErrc::empty_guard);
    EXPECT_NE(sentence.find("\"empty\""), std::string::npos) << sentence;
}

TEST_F(TeardownBuild, IsClosedOnceTheTeardownHasBegun) {
    auto store = graph->add("store", make_probe(journal, "store"));
    run_coroutine(context, graph->run());
    auto late = make_probe(journal, "late");
    EXPECT_EQ(refusal([&] { graph->add("late", std::move(late)); }), TeardownErrc::closed);
    EXPECT_TRUE(static_cast<bool>(late));
    EXPECT_EQ(refusal([&] { graph->add_task("late", [&] { return let_others_run(); }); }),
              TeardownErrc::closed);
    EXPECT_EQ(refusal([&] { graph->add_edge(store, store); }), TeardownErrc::closed);
    EXPECT_EQ(refusal([&] { (void)graph->release(store); }), TeardownErrc::closed);
    EXPECT_EQ(refusal([&] { graph->get(store); }), TeardownErrc::already_dropped);
    drop(late);
}

TEST_F(TeardownBuild, GivesBackWhatNobodyUses) {
    auto store = graph->add("store", make_probe(journal, "store"));
    auto cache = graph->add("cache", make_probe(journal, "cache"), uses(store));
    EXPECT_EQ(refusal([&] { (void)graph->release(store); }), TeardownErrc::in_use);
    EXPECT_NE(sentence.find("\"cache\""), std::string::npos) << sentence;
    AsyncDropGuard<Probe> released = graph->release(cache);
    EXPECT_EQ(released->name(), "cache");
    EXPECT_EQ(refusal([&] { graph->get(cache); }), TeardownErrc::unknown_node);
    graph->add("cache", make_probe(journal, "cache 2"), uses(store));  // the name is free again
    drop(released);
    const auto report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok());
    EXPECT_EQ(report.nodes.size(), 2u);
}

TEST_F(TeardownBuild, GivesBackTheKindOfOwnerThatWasAdded) {
    AsyncDropArc<Probe> arc(make_probe(journal, "shared"));
    auto shared = graph->add("shared", std::move(arc));
    EXPECT_EQ(refusal([&] { (void)graph->release(shared); }), TeardownErrc::wrong_owner);
    auto released = graph->release_as<AsyncDropArc<Probe>>(shared);
    EXPECT_EQ(released->name(), "shared");
    run_coroutine(context, released.async_drop());
}

TEST_F(TeardownBuild, RefusesAHandleThatHasOutlivedItsGraph) {
    NodeHandle<Probe> stale;
    {
        auto gone = TeardownGraph::create();
        stale = gone->add("store", make_probe(journal, "first"));
        run_coroutine(context, gone.async_drop());
    }
    for (int i = 0; i < 50; ++i) {  // one of them is where the first one was
        auto later = TeardownGraph::create();
        later->add("store", make_probe(journal, "later"));
        EXPECT_EQ(refusal([&] { later->get(stale); }), TeardownErrc::unknown_node);
        EXPECT_EQ(refusal([&] { later->add_edge(stale, stale); }), TeardownErrc::unknown_node);
        run_coroutine(context, later.async_drop());
    }
}

TEST_F(TeardownBuild, BorrowsAnArcAndABox) {
    AsyncDropArc<Probe> arc(make_probe(journal, "arc"));
    auto box = make_probe(journal, "box").into_box();
    const auto shared = graph->add_borrowed("arc", arc);
    graph->add_borrowed("box", box, uses(shared));
    EXPECT_EQ(graph->get(shared).name(), "arc");
    run_coroutine(context, graph.async_drop());
    EXPECT_TRUE(arc.is_dropped());
    EXPECT_TRUE(box.is_dropped());
    EXPECT_LT(journal.place_of("dropped box"), journal.place_of("drop arc"));
}

TEST_F(TeardownBuild, RefusesToBorrowTheSameGuardTwice) {
    auto mine = make_probe(journal, "mine");
    AsyncDropArc<Probe> arc(make_probe(journal, "arc"));
    auto borrowed = graph->add_borrowed("mine", mine);
    graph->add_borrowed("arc", arc);
    EXPECT_EQ(refusal([&] { graph->add_borrowed("again", mine); }), TeardownErrc::already_borrowed);
    EXPECT_NE(sentence.find("\"again\""), std::string::npos) << sentence;
    EXPECT_EQ(refusal([&] { graph->add_borrowed("again", arc); }), TeardownErrc::already_borrowed);
    auto other = TeardownGraph::create();
    EXPECT_EQ(refusal([&] { other->add_borrowed("mine", mine); }), TeardownErrc::already_borrowed);
    graph->forget(borrowed);
    other->add_borrowed("mine", mine);
    run_coroutine(context, other.async_drop());
    EXPECT_TRUE(mine.is_dropped());
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownBuild, ForgetsBorrowedNodesAndTasksOnly) {
    auto mine = make_probe(journal, "mine");
    auto borrowed = graph->add_borrowed("borrowed", mine);
    auto task = graph->add_task("task", [&] { return let_others_run(); });
    auto owned = graph->add("owned", make_probe(journal, "owned"));
    graph->forget(borrowed);
    graph->forget(task);
    EXPECT_EQ(refusal([&] { graph->forget(owned); }), TeardownErrc::wrong_owner);
    auto moved = std::move(mine);  // no longer registered, so it may move
    drop(moved);
    EXPECT_EQ(run_coroutine(context, graph->run()).nodes.size(), 1u);
}

TEST_F(TeardownBuild, AnEmptyGraphHasNothingToDo) {
    const auto report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok());
    EXPECT_TRUE(report.nodes.empty());
}

using TeardownBuildDeathTest = TeardownBuild;

TEST_F(TeardownBuildDeathTest, AbortsWhenTheGraphIsForgotten) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        { auto forgotten = TeardownGraph::create(); },
        "Forgot to call async_drop on .*TeardownGraph.*teardown_build_test.cpp");
}

TEST_F(TeardownBuildDeathTest, AbortsWhenABorrowedGuardIsMoved) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto mine = make_probe(journal, "mine");
    graph->add_borrowed("borrowed", mine);
    EXPECT_DEATH(auto moved = std::move(mine), "moved while a teardown graph borrows it");
    run_coroutine(context, graph->run());
}

TEST_F(TeardownBuildDeathTest, AbortsWhenABorrowedGuardDies) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            auto mine = make_probe(journal, "mine");
            graph->add_borrowed("borrowed", mine);
            run_coroutine(context, mine.async_drop());
        },
        "destroyed while a teardown graph borrows it");
}

}  // namespace
