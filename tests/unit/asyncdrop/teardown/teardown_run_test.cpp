// TeardownGraph at work: order, concurrency, errors, joining, cancellation, threads.

#include <asyncdrop/teardown_graph.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/thread_pool.hpp>
#include <optional>
#include <random>
#include <thread>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AnyNodeHandle;
using asyncdrop::AsyncDropError;
using asyncdrop::AsyncDropGuard;
using asyncdrop::NodeState;
using asyncdrop::TeardownErrc;
using asyncdrop::TeardownError;
using asyncdrop::TeardownGraph;
using asyncdrop::TeardownReport;
using asyncdrop::TeardownSettings;
using asyncdrop::uses;
using test_support::run_coroutine;

class TeardownRun : public testing::Test {
  protected:
    auto add(const std::string& name, Cleanup cleanup = {}) {
        return graph->add(name, make_probe(journal, name, std::move(cleanup)));
    }
    template <class... Options>
    auto add_using(const std::string& name, Cleanup cleanup, Options&&... options) {
        return graph->add(name, make_probe(journal, name, std::move(cleanup)),
                          std::forward<Options>(options)...);
    }
    void expect_before(const std::string& first, const std::string& second) {
        EXPECT_TRUE(journal.contains(first)) << first;
        EXPECT_LT(journal.place_of(first), journal.place_of(second)) << first << " / " << second;
    }

    void TearDown() override {
        if (!graph.is_dropped()) run_coroutine(context, graph.async_drop());
    }

    Journal journal;
    asio::io_context context;
    AsyncDropGuard<TeardownGraph> graph = TeardownGraph::create();
};

TEST_F(TeardownRun, DropsUsersBeforeWhatTheyUse) {
    auto store = add("store");
    auto index = add_using("index", {}, uses(store));
    auto cache = add_using("cache", {}, uses(store));
    add_using("session", {}, uses(index, cache));
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok());
    expect_before("gone session", "drop index");
    expect_before("gone session", "drop cache");
    expect_before("gone index", "drop store");
    expect_before("gone cache", "drop store");
}

TEST_F(TeardownRun, AlsoForEdgesThatWereAddedLater) {
    auto first = add("first");
    auto second = add("second");
    graph->add_edge(first, second);
    run_coroutine(context, graph->run());
    expect_before("gone first", "drop second");
}

TEST_F(TeardownRun, DropsIndependentBranchesAtTheSameTime) {
    Gate left_began;
    Gate right_began;
    auto store = add("store");
    // Each waits for the other to have begun; one after the other would never end.
    add_using(
        "left",
        [&]() -> asio::awaitable<void> {
            left_began.open();
            co_await right_began.pass();
        },
        uses(store));
    add_using(
        "right",
        [&]() -> asio::awaitable<void> {
            right_began.open();
            co_await left_began.pass();
        },
        uses(store));
    EXPECT_TRUE(run_coroutine(context, graph->run()).ok());
    expect_before("gone left", "drop store");
    expect_before("gone right", "drop store");
}

TEST_F(TeardownRun, RunsNoMoreCleanupsAtOnceThanAllowed) {
    TeardownSettings settings;
    settings.max_concurrent = 2;
    auto limited = TeardownGraph::create(settings);
    int running = 0;
    int most = 0;
    for (int i = 0; i < 10; ++i) {
        limited->add_task("task " + std::to_string(i), [&]() -> asio::awaitable<void> {
            most = std::max(most, ++running);
            co_await let_others_run();
            --running;
        });
    }
    EXPECT_TRUE(run_coroutine(context, limited->run()).ok());
    EXPECT_EQ(most, 2);
    run_coroutine(context, limited.async_drop());
}

TEST_F(TeardownRun, GoesOnAfterAFailureAndReportsEveryError) {
    auto store = add("store");
    auto cache = add_using("cache", failing("cache: disk full"), uses(store));
    add_using("session", failing("session: no answer"), uses(cache));
    add("metrics");
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_FALSE(report.ok());
    EXPECT_EQ(report.count(NodeState::failed), 2u);
    EXPECT_EQ(report.count(NodeState::dropped), 2u);
    EXPECT_EQ(message_of(report.first_error()), "session: no answer");
    EXPECT_EQ(report.find("cache")->error_text, "cache: disk full");
    EXPECT_EQ(report.find("store")->state, NodeState::dropped);
    EXPECT_EQ(report.find("nothing"), nullptr);
    expect_before("gone cache", "drop store");
}

TEST_F(TeardownRun, RecordsWhenAndWhereForEveryNode) {
    auto store =
        graph->add("store", make_probe(journal, "store", {}, asyncdrop::CreationSite("main.cpp", 12)));
    const auto task = [] { return let_others_run(); };
    const unsigned task_line = __LINE__ + 1;
    graph->add_task("stop", task, uses(store));
    const TeardownReport report = run_coroutine(context, graph->run());
    const auto& stop = *report.find("stop");
    const auto& stored = *report.find("store");
    EXPECT_EQ(stored.site.line(), 12u);
    EXPECT_STREQ(stored.site.file(), "main.cpp");
    EXPECT_EQ(stop.site.line(), task_line);
    EXPECT_NE(stored.type.find("Probe"), std::string::npos);
    EXPECT_LE(report.started, *stop.started);
    EXPECT_LE(*stop.started, *stop.ended);
    EXPECT_LE(*stop.ended, *stored.started);
    EXPECT_LE(*stored.ended, report.ended);
    EXPECT_EQ(stored.waited_for, (std::vector<std::string>{"stop"}));
}

TEST_F(TeardownRun, RunsTasksInTheirPlace) {
    auto store = add("store");
    auto session = graph->add_task(
        "stop the session",
        [this]() -> asio::awaitable<void> {
            journal.add("session stopped");
            co_return;
        },
        uses(store));
    add_using("listener", {}, uses(session));
    EXPECT_TRUE(run_coroutine(context, graph->run()).ok());
    expect_before("gone listener", "session stopped");
    expect_before("session stopped", "drop store");
}

TEST_F(TeardownRun, KeepsATaskThatThrowsBeforeItBecomesACoroutineApart) {
    graph->add_task("broken", []() -> asio::awaitable<void> { throw std::runtime_error("not even begun"); });
    add("other");
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_EQ(report.find("broken")->error_text, "not even begun");
    EXPECT_EQ(report.find("other")->state, NodeState::dropped);
}

TEST_F(TeardownRun, DropsBorrowedResourcesWhereTheyAre) {
    auto mine = make_probe(journal, "mine");
    auto borrowed = graph->add_borrowed("mine", mine);
    auto other = graph->add("user", make_probe(journal, "user"), uses(borrowed));
    graph->get(borrowed).value = 3;
    EXPECT_EQ(mine->value, 3);
    EXPECT_EQ(graph->get(other).name(), "user");
    run_coroutine(context, graph->run());
    EXPECT_TRUE(mine.is_dropped());
    expect_before("gone user", "drop mine");
    auto moved = std::move(mine);  // its cleanup has ended, so it may move
}

TEST_F(TeardownRun, ASecondRunJoinsTheFirstAndGetsTheSameReport) {
    Gate gate;
    add("slow", waiting_for(gate));
    add("bad", failing("disk full"));
    std::vector<TeardownReport> reports;
    for (int i = 0; i < 3; ++i) {
        asio::co_spawn(context, graph->run(), [&](const std::exception_ptr& error, TeardownReport report) {
            EXPECT_EQ(message_of(error), "no error");
            reports.push_back(std::move(report));
        });
    }
    context.poll();
    EXPECT_TRUE(reports.empty());
    gate.open();
    context.run();
    reports.push_back(run_coroutine(context, graph->run()));  // and after the end
    ASSERT_EQ(reports.size(), 4u);
    for (const TeardownReport& report : reports) EXPECT_EQ(report.to_text(), reports[0].to_text());
    const std::vector<std::string> events = journal.events();
    EXPECT_EQ(std::count(events.begin(), events.end(), "drop slow"), 1);
}

TEST_F(TeardownRun, RefusesARunFromInsideACleanup) {
    std::vector<std::optional<TeardownErrc>> refusals;
    const auto run_it = [this, &refusals]() -> asio::awaitable<void> {
        try {
            co_await graph->run();
            refusals.push_back(std::nullopt);
        } catch (const TeardownError& error) {
            refusals.push_back(error.code());
        }
    };
    auto store = add("store", run_it);  // directly
    add_using(
        "cache",
        [&]() -> asio::awaitable<void> {  // from a coroutine it spawns, after a turn of the executor
            co_await let_others_run();
            auto executor = co_await asio::this_coro::executor;
            co_await asio::co_spawn(executor, run_it(), asio::use_awaitable);
        },
        uses(store));
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok());
    EXPECT_EQ(refusals, (std::vector<std::optional<TeardownErrc>>{TeardownErrc::run_from_cleanup,
                                                                  TeardownErrc::run_from_cleanup}));
}

TEST_F(TeardownRun, LetsACleanupTearDownAnotherGraphButNotItsOwn) {
    auto inner = TeardownGraph::create();
    std::optional<TeardownErrc> refusal;
    inner->add_task("deep", [&]() -> asio::awaitable<void> {
        journal.add("deep");
        try {
            co_await graph->run();
        } catch (const TeardownError& error) {
            refusal = error.code();
        }
    });
    graph->add("inner", std::move(inner));
    EXPECT_TRUE(run_coroutine(context, graph->run()).ok());
    EXPECT_TRUE(journal.contains("deep"));
    EXPECT_EQ(refusal, TeardownErrc::run_from_cleanup);
}

TEST_F(TeardownRun, DroppingTheGraphRunsItAndThrowsASingleErrorAsItself) {
    add("good");
    add("bad", failing("disk full"));
    EXPECT_EQ(run_coroutine(context, outcome_of(graph.async_drop())), "disk full");
    EXPECT_TRUE(graph.is_dropped());
    EXPECT_TRUE(journal.contains("dropped good"));
}

TEST_F(TeardownRun, DroppingTheGraphThrowsSeveralErrorsTogetherWithTheirNames) {
    auto store = add("store", failing("disk full"));
    add_using("cache", failing("dirty"), uses(store));
    try {
        run_coroutine(context, graph.async_drop());
        FAIL() << "two cleanups failed";
    } catch (const AsyncDropError& error) {
        EXPECT_EQ(message_of(error.primary()), "dirty");
        ASSERT_EQ(error.suppressed().size(), 1u);
        EXPECT_EQ(message_of(error.suppressed()[0].error), "disk full");
        EXPECT_EQ(error.suppressed()[0].resource, "store");
    }
}

TEST_F(TeardownRun, DroppingTheGraphDoesNotRepeatErrorsThatARunHasReported) {
    add("bad", failing("disk full"));
    EXPECT_FALSE(run_coroutine(context, graph->run()).ok());
    EXPECT_EQ(run_coroutine(context, outcome_of(graph.async_drop())), "no error");
}

TEST_F(TeardownRun, IsCleanedUpByABracket) {
    const auto factory = [this]() -> asio::awaitable<AsyncDropGuard<TeardownGraph>> {
        auto made = TeardownGraph::create();
        made->add("bracketed", make_probe(journal, "bracketed"));
        co_return made;
    };
    const auto body = [this](TeardownGraph&) -> asio::awaitable<void> {
        journal.add("body");
        co_return;
    };
    run_coroutine(context,
                  [&]() -> asio::awaitable<void> { co_await asyncdrop::with_async_drop(factory, body); });
    expect_before("body", "drop bracketed");
}

TEST_F(TeardownRun, FinishesAlthoughItsCallerIsCancelled) {
    Gate gate;
    auto store = add("store");
    add_using("slow", waiting_for(gate), uses(store));
    asio::cancellation_signal signal;
    std::optional<std::string> outcome;
    const auto body = [this]() -> asio::awaitable<void> {
        const TeardownReport report = co_await graph->run();
        EXPECT_TRUE(report.ok());
        journal.add("report");
        co_await let_others_run();  // throws: the coroutine is still cancelled
    };
    asio::co_spawn(context, body(),
                   asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& error) {
                       outcome = message_of(error);
                       signal.slot().clear();
                   }));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_FALSE(outcome.has_value());
    gate.open();
    context.run();
    EXPECT_TRUE(journal.contains("report"));
    EXPECT_TRUE(journal.contains("dropped store"));
    EXPECT_NE(outcome, "no error");
}

TEST_F(TeardownRun, RunsForACoroutineThatIsAlreadyCancelled) {
    add("store");
    asio::cancellation_signal signal;
    const auto body = [&]() -> asio::awaitable<void> {
        signal.emit(asio::cancellation_type::terminal);
        bool refused = false;
        try {
            co_await graph->run();
        } catch (const boost::system::system_error&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        EXPECT_FALSE(journal.contains("drop store"));
        co_await asyncdrop::even_if_cancelled;
        const TeardownReport report = co_await graph->run();
        EXPECT_TRUE(report.ok());
    };
    std::string outcome;
    asio::co_spawn(context, body(),
                   asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& error) {
                       outcome = message_of(error);
                       signal.slot().clear();
                   }));
    context.run();
    EXPECT_EQ(outcome, "no error");
    EXPECT_TRUE(journal.contains("dropped store"));
}

TEST_F(TeardownRun, RunsEachCleanupOnItsOwnExecutor) {
    asio::io_context home;
    auto work = asio::make_work_guard(home);
    std::thread home_thread([&] { home.run(); });
    std::thread::id here_ran;
    std::thread::id home_ran;
    add("here", [&]() -> asio::awaitable<void> {
        here_ran = std::this_thread::get_id();
        co_return;
    });
    add_using(
        "home",
        [&]() -> asio::awaitable<void> {
            co_await let_others_run();
            home_ran = std::this_thread::get_id();
        },
        asyncdrop::on(home.get_executor()));
    EXPECT_TRUE(run_coroutine(context, graph->run()).ok());
    EXPECT_EQ(here_ran, std::this_thread::get_id());
    EXPECT_EQ(home_ran, home_thread.get_id());
    work.reset();
    home_thread.join();
}

TEST_F(TeardownRun, TearsDownALongChainWithoutRecursion) {
    AnyNodeHandle last = add("0");
    for (int i = 1; i < 3000; ++i) {
        const std::string name = std::to_string(i);
        last = graph->add(name, make_probe(journal, name), uses(last));
    }
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok());
    expect_before("gone 2999", "drop 0");
}

TEST_F(TeardownRun, KeepsTheOrderOfRandomGraphsOnSeveralThreads) {
    const unsigned seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (int round = 0; round < 20; ++round) {
        Journal events;
        asio::thread_pool pool(4);
        auto random_graph = TeardownGraph::create();
        std::vector<AnyNodeHandle> handles;
        std::vector<std::pair<int, int>> edges;
        constexpr int nodes = 60;
        for (int i = 0; i < nodes; ++i) {
            const std::string name = std::to_string(i);
            const Cleanup cleanup = [fails = random() % 8 == 0]() -> asio::awaitable<void> {
                auto executor = co_await asio::this_coro::executor;
                co_await asio::post(executor, asio::use_awaitable);
                if (fails) throw std::runtime_error("random failure");
            };
            handles.push_back(random_graph->add(name, make_probe(events, name, cleanup)));
            for (int used = 0; used < i; ++used) {
                if (random() % 10 != 0) continue;
                random_graph->add_edge(handles.back(), handles[static_cast<std::size_t>(used)]);
                edges.emplace_back(i, used);
            }
        }
        std::atomic<int> reports{0};
        for (int caller = 0; caller < 3; ++caller) {
            asio::co_spawn(pool, random_graph->run(),
                           [&](const std::exception_ptr& error, const TeardownReport& r) {
                               if (!error && r.nodes.size() == nodes) ++reports;
                           });
        }
        pool.join();
        EXPECT_EQ(reports.load(), 3);
        for (const auto& [user, used] : edges) {
            ASSERT_LT(events.place_of("gone " + std::to_string(user)),
                      events.place_of("drop " + std::to_string(used)));
        }
        run_coroutine(context, random_graph.async_drop());
    }
}

}  // namespace
