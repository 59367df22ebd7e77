// Deadlines that cancel a cleanup (cancel_after), and deadlines of single nodes.

#include <asyncdrop/teardown_error.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/hash_map.hpp>
#include <asyncdrop/install.hpp>
#include <asyncdrop/lazy.hpp>
#include <asyncdrop/mutex.hpp>
#include <asyncdrop/result.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::abandon_after;
using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropHashMap;
using asyncdrop::AsyncDropMutex;
using asyncdrop::AsyncDropResult;
using asyncdrop::cancel_after;
using asyncdrop::Lazy;
using asyncdrop::NodeState;
using asyncdrop::TeardownGraph;
using asyncdrop::TeardownReport;
using asyncdrop::TeardownSettings;
using asyncdrop::uses;
using asyncdrop::warn_after;
using std::chrono::hours;
using std::chrono::milliseconds;
using test_support::run_coroutine;

asio::awaitable<void> wait_for_ever() {
    auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, hours(1));
    co_await timer.async_wait(asio::use_awaitable);
}

/// A cleanup that can be hurried: what must be done is done behind even_if_cancelled.
asio::awaitable<void> hurry_when_cancelled(Journal& journal) {
    bool cancelled = false;
    try {
        co_await wait_for_ever();
    } catch (const boost::system::system_error& error) {
        cancelled = error.code() == asio::error::operation_aborted;
    }
    if (cancelled) journal.add("hurry");
    co_await asyncdrop::even_if_cancelled;
    auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
    journal.add("essentials");
}

class TeardownCancel : public testing::Test {
  protected:
    static TeardownSettings silent() {
        TeardownSettings settings;
        settings.warn_after.reset();
        return settings;
    }

    Journal journal;
    asio::io_context context;
};

TEST_F(TeardownCancel, ReachesTheCleanupOfEveryKindOfNode) {
    TeardownSettings settings = silent();
    settings.cancel_after = milliseconds(5);
    auto graph = TeardownGraph::create(settings);
    auto borrowed = make_probe(journal, "borrowed", wait_for_ever);
    graph->add("guard", make_probe(journal, "guard", wait_for_ever));
    graph->add("box", make_probe(journal, "box", wait_for_ever).into_box());
    graph->add("arc", AsyncDropArc<Probe>(make_probe(journal, "arc", wait_for_ever)));
    graph->add_borrowed("borrowed", borrowed);
    graph->add_task("task", wait_for_ever);
    const TeardownReport report = run_coroutine(context, graph->run());
    for (const char* name : {"guard", "box", "arc", "borrowed", "task"}) {
        const auto* node = report.find(name);
        EXPECT_EQ(node->state, NodeState::failed) << name;
        EXPECT_NE(node->error_text.find("Operation canceled"), std::string::npos) << node->error_text;
        ASSERT_TRUE(node->cancelled.has_value()) << name;
        EXPECT_GE(*node->cancelled - *node->started, milliseconds(5));
        EXPECT_LE(*node->cancelled, *node->ended);
    }
    for (const char* name : {"guard", "box", "arc", "borrowed"}) {
        EXPECT_TRUE(journal.contains(std::string("gone ") + name)) << name;
    }
    EXPECT_TRUE(borrowed.is_dropped());
    EXPECT_NE(report.to_text().find(", cancelled at "), std::string::npos) << report.to_text();
    run_coroutine(context, graph.async_drop());
}

asio::awaitable<void> hold_lock(const AsyncDropMutex<Probe>& mutex, Gate& gate, Journal& journal) {
    auto lock = co_await mutex.lock();
    journal.add("locked");
    co_await gate.pass();
    journal.add("unlock");
}

TEST_F(TeardownCancel, DoesNotReachAMutexThatWaitsForItsHolder) {
    Gate gate;
    auto graph = TeardownGraph::create(silent());
    auto mutex = graph->add("mutex", AsyncDropMutex<Probe>::create(make_probe(journal, "log")),
                            cancel_after(milliseconds(2)));
    asio::co_spawn(context, hold_lock(graph->get(mutex), gate, journal), asio::detached);
    graph->add_task("holder", [&]() -> asio::awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, milliseconds(20));  // longer than the mutex has
        co_await timer.async_wait(asio::use_awaitable);
        gate.open();
    });
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok()) << report.to_text();
    EXPECT_TRUE(report.find("mutex")->cancelled.has_value());
    EXPECT_EQ(journal.events(),
              (std::vector<std::string>{"locked", "unlock", "drop log", "dropped log", "gone log"}));
    run_coroutine(context, graph.async_drop());
}

asio::awaitable<void> get_and_note(Lazy<Probe>& lazy, Journal& journal) {
    try {
        co_await lazy.get();
    } catch (const boost::system::system_error&) {
        journal.add("too late");
    }
}

TEST_F(TeardownCancel, LosesNothingThatALazyIsCreating) {
    Gate gate;
    const auto open = [&]() -> asio::awaitable<AsyncDropGuard<Probe>> {
        journal.add("creating");
        co_await gate.pass();
        co_return make_probe(journal, "log");
    };
    auto graph = TeardownGraph::create(silent());
    auto lazy = graph->add("lazy", Lazy<Probe>::uninitialized(open), cancel_after(milliseconds(2)));
    asio::co_spawn(context, get_and_note(graph->get(lazy), journal), asio::detached);
    graph->add_task("clock", [&]() -> asio::awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, milliseconds(20));  // longer than the Lazy has
        co_await timer.async_wait(asio::use_awaitable);
        gate.open();
    });
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok()) << report.to_text();
    EXPECT_TRUE(report.find("lazy")->cancelled.has_value());
    for (const char* event : {"too late", "dropped log", "gone log"})
        EXPECT_TRUE(journal.contains(event)) << event;
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownCancel, LosesNothingOfANodeThatHoldsOthers) {
    const auto slow = [] {
        return []() -> asio::awaitable<void> {
            const auto executor = co_await asio::this_coro::executor;
            asio::steady_timer timer(executor, milliseconds(20));
            co_await timer.async_wait(asio::use_awaitable);
        };
    };
    auto graph = TeardownGraph::create(silent());
    auto map = AsyncDropHashMap<std::string, Probe>::create();
    for (const char* key : {"a", "b"}) {
        const auto rejected = map->try_insert(key, make_probe(journal, key, slow()));
        EXPECT_FALSE(static_cast<bool>(rejected));
    }
    using ProbeResult = AsyncDropResult<Probe>;
    auto inner = TeardownGraph::create(silent());
    auto used = inner->add("used", make_probe(journal, "used", slow()));
    inner->add("user", make_probe(journal, "user", slow()), uses(used));
    graph->add("map", std::move(map), cancel_after(milliseconds(2)));
    graph->add("result", ProbeResult::success(make_probe(journal, "result", slow())),
               cancel_after(milliseconds(2)));
    graph->add("graph", std::move(inner), cancel_after(milliseconds(2)));
    const auto existing = [&] { return make_probe(journal, "lazy", slow()); };
    graph->add("lazy", Lazy<Probe>::initialized(existing()), cancel_after(milliseconds(2)));
    graph->add("arc of a mutex",
               AsyncDropArc<AsyncDropMutex<Probe>>(
                   AsyncDropMutex<Probe>::create(make_probe(journal, "in the mutex", slow()))),
               cancel_after(milliseconds(2)));
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok()) << report.to_text();
    for (const char* name : {"a", "b", "result", "used", "user", "lazy", "in the mutex"}) {
        EXPECT_TRUE(journal.contains(std::string("dropped ") + name)) << name;
    }
    for (const auto& node : report.nodes) EXPECT_TRUE(node.cancelled.has_value()) << node.name;
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownCancel, WaitsForACleanupThatFinishesWhatItMust) {
    auto graph = TeardownGraph::create(silent());
    auto store = graph->add("store", make_probe(journal, "store"));
    graph->add("cache", make_probe(journal, "cache", [this] { return hurry_when_cancelled(journal); }),
               uses(store), cancel_after(milliseconds(5)));
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_TRUE(report.ok()) << report.to_text();
    EXPECT_TRUE(report.find("cache")->cancelled.has_value());
    EXPECT_FALSE(report.find("store")->cancelled.has_value());
    EXPECT_EQ(journal.events(),
              (std::vector<std::string>{"drop cache", "hurry", "essentials", "dropped cache", "gone cache",
                                        "drop store", "dropped store", "gone store"}));
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownCancel, LeavesCleanupsAloneThatEndInTime) {
    TeardownSettings settings = silent();
    settings.cancel_after = hours(1);
    auto graph = TeardownGraph::create(settings);
    graph->add("quick", make_probe(journal, "quick", let_others_run));
    graph->add("at once", make_probe(journal, "at once"));
    graph->add("fails", make_probe(journal, "fails", failing("disk full")));
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_EQ(report.find("quick")->state, NodeState::dropped);
    EXPECT_EQ(report.find("at once")->state, NodeState::dropped);
    EXPECT_EQ(report.find("fails")->error_text, "disk full");
    for (const auto& node : report.nodes) EXPECT_FALSE(node.cancelled.has_value());
    run_coroutine(context, graph.async_drop());
    context.restart();
    context.run();  // no timer is left behind
}

TEST_F(TeardownCancel, IsFollowedByAbandoningWhatDoesNotListen) {
    Gate deaf;
    const Cleanup ignore = [&]() -> asio::awaitable<void> {
        bool cancelled = false;
        try {
            co_await wait_for_ever();
        } catch (const boost::system::system_error&) {
            cancelled = true;
        }
        EXPECT_TRUE(cancelled);
        co_await asyncdrop::even_if_cancelled;
        co_await asio::co_spawn(context, deaf.pass(),
                                asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
    };
    auto graph = TeardownGraph::create(silent());
    graph->add("deaf", make_probe(journal, "deaf", ignore), cancel_after(milliseconds(3)),
               abandon_after(milliseconds(9)));
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_EQ(report.find("deaf")->state, NodeState::abandoned);
    EXPECT_TRUE(report.find("deaf")->cancelled.has_value());
    run_coroutine(context, graph.async_drop());
    deaf.open();
    context.restart();
    context.run();
}

TEST_F(TeardownCancel, DeadlinesOfANodeBeginWithItsCleanup) {
    // No deadline at all when the teardown begins, so the timer is set when the second node starts.
    std::vector<std::string> sentences;
    TeardownSettings settings = silent();
    Gate gate;
    settings.sink = [&](std::string_view sentence) {
        sentences.emplace_back(sentence);
        if (sentence.starts_with("still dropping slow")) gate.open();
    };
    auto graph = TeardownGraph::create(settings);
    auto cancelled = graph->add("cancelled", make_probe(journal, "cancelled", wait_for_ever),
                                cancel_after(milliseconds(1)));
    auto slow = graph->add("slow", make_probe(journal, "slow", waiting_for(gate)), uses(cancelled),
                           warn_after(milliseconds(2)));
    graph->add("first", make_probe(journal, "first", let_others_run), uses(slow));
    const TeardownReport report = run_coroutine(context, graph->run());
    ASSERT_GE(sentences.size(), 1u);
    EXPECT_EQ(report.find("slow")->state, NodeState::dropped);
    EXPECT_EQ(report.find("cancelled")->state, NodeState::failed);
    run_coroutine(context, graph.async_drop());
}

TEST_F(TeardownCancel, ANodesOwnDeadlineReplacesTheGeneralOne) {
    TeardownSettings settings = silent();
    settings.abandon_after = milliseconds(1);
    auto graph = TeardownGraph::create(settings);
    const Cleanup some_time = []() -> asio::awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, milliseconds(20));
        co_await timer.async_wait(asio::use_awaitable);
    };
    graph->add("patient", make_probe(journal, "patient", some_time), abandon_after(hours(1)));
    graph->add("impatient", make_probe(journal, "impatient", some_time));
    const TeardownReport report = run_coroutine(context, graph->run());
    EXPECT_EQ(report.find("patient")->state, NodeState::dropped);
    EXPECT_EQ(report.find("impatient")->state, NodeState::abandoned);
    run_coroutine(context, graph.async_drop());
    context.restart();
    context.run();  // the abandoned cleanup ends at last
}

TEST_F(TeardownCancel, DiesWithItsContext) {
    ForgottenRecorder recorder;
    TeardownSettings settings = silent();
    settings.cancel_after = hours(1);  // later than the context dies
    auto graph = TeardownGraph::create(settings);
    {
        asio::io_context doomed;
        asyncdrop::install(doomed);
        graph->add("stuck", make_probe(journal, "stuck", wait_for_ever),
                   asyncdrop::on(doomed.get_executor()));
        asio::co_spawn(context, graph->run(), asio::detached);
        context.poll();
        doomed.poll();
        EXPECT_TRUE(journal.contains("drop stuck"));
    }
    context.restart();
    context.poll();
    run_coroutine(context, graph.async_drop());
    EXPECT_EQ(recorder.entries().size(), 1u);  // the resource whose cleanup was abandoned
}

TEST_F(TeardownCancel, RacesWithCleanupsThatEndOnSeveralThreads) {
    for (int round = 0; round < 40; ++round) {
        TeardownSettings settings = silent();
        settings.cancel_after = milliseconds(1);
        asio::thread_pool pool(4);
        auto graph = TeardownGraph::create(settings);
        auto base = graph->add("base", make_probe(journal, "base"));
        for (int i = 0; i < 16; ++i) {
            const Cleanup cleanup = [i]() -> asio::awaitable<void> {
                auto executor = co_await asio::this_coro::executor;
                asio::steady_timer timer(executor, std::chrono::microseconds(200 * i));
                co_await timer.async_wait(asio::use_awaitable);
            };
            graph->add(std::to_string(i), make_probe(journal, std::to_string(i), cleanup), uses(base));
        }
        std::atomic<bool> reported{false};
        asio::co_spawn(pool, graph->run(),
                       [&](const std::exception_ptr& error, const TeardownReport& report) {
                           EXPECT_EQ(message_of(error), "no error");
                           EXPECT_EQ(report.find("base")->state, NodeState::dropped);
                           EXPECT_EQ(report.count(NodeState::dropped) + report.count(NodeState::failed), 17u);
                           reported = true;
                       });
        pool.join();
        EXPECT_TRUE(reported);
        run_coroutine(context, graph.async_drop());
    }
}

}  // namespace
