// Slow cleanups: sentences about them, and giving them up. Every test waits for what must happen; the
// deadlines only decide how soon that is.

#include <asyncdrop/teardown_settings.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <asyncdrop/teardown_graph.hpp>
#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <regex>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropGuard;
using asyncdrop::CreationSite;
using asyncdrop::NodeState;
using asyncdrop::TeardownErrc;
using asyncdrop::TeardownError;
using asyncdrop::TeardownGraph;
using asyncdrop::TeardownReport;
using asyncdrop::TeardownSettings;
using asyncdrop::uses;
using std::chrono::milliseconds;
using test_support::run_coroutine;

class TeardownDeadline : public testing::Test {
  protected:
    template <class... Options>
    auto add(AsyncDropGuard<TeardownGraph>& graph, const std::string& name, Cleanup cleanup,
             Options&&... options) {
        return graph->add(name, make_probe(journal, name, std::move(cleanup), CreationSite("main.cpp", 12)),
                          options...);
    }

    Journal journal;
    asio::io_context context;
};

TEST_F(TeardownDeadline, SaysAgainAndAgainWhatItWaitsFor) {
    Gate gate;
    std::vector<std::string> sentences;
    TeardownSettings settings;
    settings.warn_after = milliseconds(5);
    settings.sink = [&](std::string_view sentence) {
        sentences.emplace_back(sentence);
        // The gate opens once two rounds of sentences were said.
        if (sentences.size() == 6) gate.open();
    };
    auto graph = TeardownGraph::create(settings);
    auto store = add(graph, "store", {});
    auto cache = add(graph, "block_cache", {}, uses(store));
    add(graph, "flusher", waiting_for(gate), uses(cache, store));
    add(graph, "quick", {});
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok());
    ASSERT_GE(sentences.size(), 6u);
    const auto said = [&](const std::string& pattern) {
        return std::count_if(sentences.begin(), sentences.end(), [&](const std::string& sentence) {
            return std::regex_match(sentence, std::regex(pattern));
        });
    };
    const std::string rest = ", [0-9]+\\.[0-9] (ms|s), created at main\\.cpp:12";
    EXPECT_GE(said("still dropping flusher" + rest), 2);
    EXPECT_GE(said("block_cache waits to be dropped" + rest + ", for: flusher"), 2);
    EXPECT_GE(
        said("store waits to be dropped" + rest + ", for: block_cache, flusher; being dropped: flusher"), 2);
    EXPECT_EQ(said(".*quick.*"), 0);
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownDeadline, NamesWhatHoldsUpAWholeChain) {
    Gate gate;
    std::vector<std::string> sentences;
    TeardownSettings settings;
    settings.warn_after = milliseconds(5);
    settings.sink = [&](std::string_view sentence) {
        sentences.emplace_back(sentence);
        if (sentences.size() == 15) gate.open();  // each of the five at least once
    };
    auto graph = TeardownGraph::create(settings);
    auto disk = add(graph, "disk", {});
    auto store = add(graph, "store", {}, uses(disk));
    auto cache = add(graph, "cache", {}, uses(store));
    add(graph, "flusher", waiting_for(gate), uses(cache));
    add(graph, "other", waiting_for(gate));
    EXPECT_TRUE(run_coroutine(context, graph->run()).ok());
    const auto about = [&](const std::string& begin) {
        const auto found = std::ranges::find_if(
            sentences, [&](const std::string& sentence) { return sentence.starts_with(begin); });
        return found == sentences.end() ? std::string() : found->substr(found->find(", for: ") + 2);
    };
    EXPECT_EQ(about("cache waits"), "for: flusher");
    EXPECT_EQ(about("store waits"), "for: cache; being dropped: flusher");
    EXPECT_EQ(about("disk waits"), "for: store; being dropped: flusher");
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownDeadline, SaysOfANodeThatWaitsForItsTurnWhatIsBeingDropped) {
    Gate gate;
    std::vector<std::string> sentences;
    TeardownSettings settings;
    settings.warn_after = milliseconds(5);
    settings.max_concurrent = 1;
    settings.sink = [&](std::string_view sentence) {
        sentences.emplace_back(sentence);
        if (sentences.size() == 6) gate.open();  // both of them
    };
    auto graph = TeardownGraph::create(settings);
    add(graph, "first", waiting_for(gate));
    add(graph, "second", {});
    EXPECT_TRUE(run_coroutine(context, graph->run()).ok());
    const auto said = [&](const std::string& begin, const std::string& end) {
        return std::ranges::any_of(sentences, [&](const std::string& sentence) {
            return sentence.starts_with(begin) && sentence.ends_with(end);
        });
    };
    EXPECT_TRUE(said("still dropping first, ", ":12"));
    EXPECT_TRUE(said("second waits to be dropped, ", ", for: its turn; being dropped: first"));
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownDeadline, IgnoresASinkThatThrows) {
    Gate gate;
    TeardownSettings settings;
    settings.warn_after = milliseconds(1);
    int said = 0;
    settings.sink = [&](std::string_view) {
        if (++said == 3) gate.open();
        throw std::runtime_error("the log is full");
    };
    auto graph = TeardownGraph::create(settings);
    add(graph, "slow", waiting_for(gate));
    EXPECT_TRUE(run_coroutine(context, graph->run()).ok());
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownDeadline, TakesTheLongestDurationForNever) {
    constexpr auto never = TeardownSettings::Duration::max();
    for (const auto set :
         {&TeardownSettings::warn_after, &TeardownSettings::cancel_after, &TeardownSettings::abandon_after}) {
        TeardownSettings settings;
        settings.warn_after.reset();
        settings.sink = [](std::string_view sentence) { ADD_FAILURE() << sentence; };
        settings.*set = never;
        auto graph = TeardownGraph::create(settings);
        add(graph, "slow", let_others_run, asyncdrop::warn_after(never), asyncdrop::cancel_after(never),
            asyncdrop::abandon_after(never - milliseconds(1)));
        add(graph, "slow, too", let_others_run);
        // Longer than the clock can tell, in a coarser unit.
        constexpr auto hours = std::chrono::hours::max();
        add(graph, "slow, three", let_others_run, asyncdrop::warn_after(hours),
            asyncdrop::cancel_after(hours), asyncdrop::abandon_after(hours));
        const TeardownReport report = run_coroutine(context, graph->run());
        EXPECT_TRUE(report.ok()) << report.to_text();
        for (const auto& node : report.nodes) EXPECT_FALSE(node.cancelled.has_value());
        run_coroutine(context, graph.async_drop());
        context.restart();
        context.run();  // no timer is left behind
    }
}

TEST_F(TeardownDeadline, WarnsAfterNothingWithoutBeingBusy) {
    Gate gate;
    TeardownSettings settings;
    settings.warn_after = TeardownSettings::Duration::zero();
    int said = 0;
    settings.sink = [&](std::string_view) {
        if (++said == 3) gate.open();
    };
    auto graph = TeardownGraph::create(settings);
    add(graph, "slow", waiting_for(gate));
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok());
    EXPECT_GE(report.ended - report.started, milliseconds(2));  // three sentences, a millisecond apart
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownDeadline, SaysNothingWithoutAWarnAfter) {
    TeardownSettings settings;
    settings.warn_after.reset();
    settings.sink = [](std::string_view sentence) { ADD_FAILURE() << sentence; };
    auto graph = TeardownGraph::create(settings);
    add(graph, "store", {});
    EXPECT_TRUE(run_coroutine(context, graph->run()).ok());
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownDeadline, LeavesNoTimerBehind) {
    TeardownSettings settings;
    settings.warn_after = std::chrono::hours(1);
    settings.abandon_after = std::chrono::hours(2);
    auto graph = TeardownGraph::create(settings);
    add(graph, "store", {});
    asio::co_spawn(context, graph.async_drop(), asio::detached);
    context.run();  // would last an hour
    EXPECT_TRUE(graph.is_dropped());
}

class TeardownAbandon : public TeardownDeadline {
  protected:
    static TeardownSettings abandoning() {
        TeardownSettings settings;
        settings.warn_after.reset();
        settings.abandon_after = milliseconds(5);
        return settings;
    }
};

TEST_F(TeardownAbandon, SkipsWhatAnAbandonedNodeUsesAndFinishesTheRest) {
    Gate never_in_time;
    auto graph = TeardownGraph::create(abandoning());
    auto disk = add(graph, "disk", {});
    auto store = add(graph, "store", {}, uses(disk));
    auto cache = add(graph, "cache", waiting_for(never_in_time), uses(store));
    add(graph, "session", {}, uses(cache, store));
    auto log = add(graph, "log", {});
    add(graph, "metrics", {}, uses(log, disk));
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_FALSE(report.ok());
    EXPECT_EQ(report.find("session")->state, NodeState::dropped);
    EXPECT_EQ(report.find("cache")->state, NodeState::abandoned);
    EXPECT_EQ(report.find("store")->state, NodeState::skipped);
    EXPECT_EQ(report.find("disk")->state, NodeState::skipped);  // the store still uses it
    EXPECT_EQ(report.find("metrics")->state, NodeState::dropped);
    EXPECT_EQ(report.find("log")->state, NodeState::dropped);
    EXPECT_NE(report.to_text().find("cache: abandoned after"), std::string::npos) << report.to_text();
    try {
        std::rethrow_exception(report.first_error());
    } catch (const TeardownError& error) {
        EXPECT_EQ(error.code(), TeardownErrc::abandoned);
        EXPECT_NE(std::string(error.what()).find("\"cache\""), std::string::npos);
    }
    EXPECT_FALSE(journal.contains("drop store"));

    run_coroutine(context, graph.async_drop());  // delivered already, nothing to say
    never_in_time.open();
    context.restart();
    context.run();  // the abandoned cleanup ends at last
    EXPECT_TRUE(journal.contains("dropped cache"));
    for (const char* name : {"store", "disk"}) {
        EXPECT_FALSE(journal.contains(std::string("drop ") + name));
        EXPECT_FALSE(journal.contains(std::string("gone ") + name));  // never destroyed under a possible user
    }
}

TEST_F(TeardownAbandon, ThrowsFromTheDropOfTheGraph) {
    Gate gate;
    auto graph = TeardownGraph::create(abandoning());
    add(graph, "cache", waiting_for(gate));
    const std::string outcome = run_coroutine(context, outcome_of(graph.async_drop()));
    EXPECT_NE(outcome.find("took longer than its abandon_after"), std::string::npos) << outcome;
    gate.open();
    context.restart();
    context.run();
}

TEST_F(TeardownAbandon, KeepsTheReportAsItIsWhenTheCleanupEndsLate) {
    Gate gate;
    auto graph = TeardownGraph::create(abandoning());
    add(graph, "cache", waiting_for(gate));
    const std::string before = run_coroutine(context, graph->run()).to_text();
    gate.open();
    context.restart();
    context.run();
    EXPECT_EQ(run_coroutine(context, graph->run()).to_text(), before);
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownAbandon, LetsTheNextNodeStartWhenThereIsALimit) {
    Gate gate;
    TeardownSettings settings = abandoning();
    settings.max_concurrent = 1;
    auto graph = TeardownGraph::create(settings);
    add(graph, "stuck", waiting_for(gate));
    add(graph, "next", {});
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_EQ(report.find("stuck")->state, NodeState::abandoned);
    EXPECT_EQ(report.find("next")->state, NodeState::dropped);
    gate.open();
    context.restart();
    context.run();
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownAbandon, ABorrowedResourceThatWasSkippedIsItsOwnersAgain) {
    Gate gate;
    auto mine = make_probe(journal, "mine");
    {
        auto graph = TeardownGraph::create(abandoning());
        auto borrowed = graph->add_borrowed("mine", mine);
        add(graph, "stuck", waiting_for(gate), uses(borrowed));
        const TeardownReport report = run_coroutine(context, graph->run());
        EXPECT_EQ(report.find("mine")->state, NodeState::skipped);
        gate.open();
        context.restart();
        context.run();
        run_coroutine(context, graph.async_drop());
    }
    ASSERT_TRUE(static_cast<bool>(mine));
    auto moved = std::move(mine);
    run_coroutine(context, moved.async_drop());
    EXPECT_TRUE(journal.contains("dropped mine"));
}

TEST_F(TeardownAbandon, RacesWithCleanupsThatEndInTimeOnSeveralThreads) {
    for (int round = 0; round < 30; ++round) {
        TeardownSettings settings;
        settings.warn_after = milliseconds(1);
        std::atomic<int> said{0};
        settings.sink = [&](std::string_view) { ++said; };
        settings.abandon_after = milliseconds(2);
        asio::thread_pool pool(4);
        auto graph = TeardownGraph::create(settings);
        auto base = add(graph, "base", {});
        for (int i = 0; i < 20; ++i) {
            const Cleanup cleanup = [i]() -> asio::awaitable<void> {
                auto executor = co_await asio::this_coro::executor;
                asio::steady_timer timer(executor, milliseconds(i % 5));
                co_await timer.async_wait(asio::use_awaitable);
            };
            add(graph, std::to_string(i), cleanup, uses(base));
        }
        std::atomic<bool> reported{false};
        asio::co_spawn(
            pool, graph->run(), [&](const std::exception_ptr& error, const TeardownReport& report) {
                EXPECT_EQ(message_of(error), "no error");
                const bool all_dropped = report.count(NodeState::dropped) == 21;
                const bool base_skipped = report.find("base")->state == NodeState::skipped;
                EXPECT_NE(all_dropped, base_skipped);
                EXPECT_EQ(report.count(NodeState::waiting) + report.count(NodeState::dropping), 0u);
                reported = true;
            });
        pool.join();
        EXPECT_TRUE(reported);
        run_coroutine(context, graph.async_drop());
    }
}

}  // namespace
