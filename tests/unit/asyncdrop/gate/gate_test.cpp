// AsyncDropGate: who gets in, who is inside, and what the drop waits for.
#include <asyncdrop/gate.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/install.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/detached.hpp>
#include <optional>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe_test.hpp"

namespace gate_test {

using asyncdrop::AsyncDropGate;
using asyncdrop::AsyncDropGuard;
using test_support::run_coroutine;
using testing::ContainsRegex;
using testing::ElementsAre;

class GateTest : public ProbeTest {
  protected:
    /// Inside until `door` is opened.
    static asio::awaitable<void> visit(const AsyncDropGate& gate, std::string name, Gate& door) {
        const AsyncDropGate::Pass pass = gate.enter(name);
        co_await door.pass();
    }
    static std::vector<std::string> names(const AsyncDropGate& gate) {
        std::vector<std::string> all;
        for (const asyncdrop::Occupant& occupant : gate.occupants()) all.push_back(occupant.name);
        return all;
    }

    Gate door;
};

TEST_F(GateTest, ADropWaitsUntilEverybodyIsOut) {
    auto gate = AsyncDropGate::create();
    AsyncDropGate::Pass first = gate->enter("first");
    std::optional<AsyncDropGate::Pass> second = gate->try_enter("second");
    ASSERT_TRUE(second);
    EXPECT_EQ(gate->size(), 2u);
    EXPECT_EQ(start_dropping(gate), std::nullopt);
    first.leave();
    poll();
    EXPECT_EQ(dropped, std::nullopt);
    second.reset();
    poll();
    EXPECT_EQ(dropped, "no error");
    EXPECT_TRUE(gate.is_dropped());
}

TEST_F(GateTest, AnEmptyGateIsDroppedAtOnce) {
    auto gate = AsyncDropGate::create();
    {
        const AsyncDropGate::Pass pass = gate->enter();
    }
    EXPECT_EQ(start_dropping(gate), "no error");
}

TEST_F(GateTest, NobodyGetsInOnceTheDropHasBegun) {
    auto gate = AsyncDropGate::create();
    const AsyncDropGate& inside = *gate;
    AsyncDropGate::Pass pass = gate->enter("first");
    start_dropping(gate);
    EXPECT_TRUE(inside.closed());
    EXPECT_FALSE(inside.try_enter("late"));
    try {
        const AsyncDropGate::Pass late = inside.enter("late");
        ADD_FAILURE() << "a closed gate let somebody in";
    } catch (const asyncdrop::GateClosed& error) {
        EXPECT_STREQ(error.what(), "the gate is closed: it is being dropped");
    }
    EXPECT_EQ(inside.size(), 1u);
    pass.leave();
    poll();
    EXPECT_EQ(dropped, "no error");
}

TEST_F(GateTest, APassEndsOnEveryWayOutOfACoroutine) {
    auto gate = AsyncDropGate::create();
    asio::cancellation_signal signal;
    spawn_cancellable(visit(*gate, "cancelled", door), signal);
    {
        asio::io_context doomed;
        asio::co_spawn(doomed, visit(*gate, "destroyed", door), asio::detached);
        doomed.poll();
        poll();
        EXPECT_EQ(gate->size(), 2u);
    }
    EXPECT_THAT(names(*gate), ElementsAre("cancelled"));
    EXPECT_EQ(start_dropping(gate), std::nullopt);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_THAT(ended.value_or(""), testing::HasSubstr("Operation canceled"));
    EXPECT_EQ(dropped, "no error");
}

TEST_F(GateTest, APassMovesAndKeepsItsPlaceInTheList) {
    auto gate = AsyncDropGate::create();
    AsyncDropGate::Pass a = gate->enter("a");
    AsyncDropGate::Pass b = gate->enter("b");
    AsyncDropGate::Pass c = gate->enter("c");
    AsyncDropGate::Pass moved = std::move(b);
    EXPECT_FALSE(b);  // NOLINT: that is the point
    EXPECT_TRUE(moved);
    EXPECT_THAT(names(*gate), ElementsAre("a", "b", "c"));
    a = std::move(moved);  // leaves as "a" first
    EXPECT_THAT(names(*gate), ElementsAre("b", "c"));
    AsyncDropGate::Pass& same = a;
    a = std::move(same);
    EXPECT_THAT(names(*gate), ElementsAre("b", "c"));
    c.leave();
    c.leave();
    EXPECT_THAT(names(*gate), ElementsAre("b"));
    a.leave();
    EXPECT_EQ(start_dropping(gate), "no error");
}

TEST_F(GateTest, APassMayOutliveTheGate) {
    ForgottenRecorder forgotten;
    std::optional<AsyncDropGate::Pass> pass;
    {
        auto gate = AsyncDropGate::create();
        pass = gate->enter("long");
    }
    pass.reset();
    ASSERT_EQ(forgotten.entries().size(), 1u);
    EXPECT_EQ(forgotten.entries()[0].type, "asyncdrop::AsyncDropGate");
}

TEST_F(GateTest, TellsWhoIsInsideSinceWhenAndWhereItCameIn) {
    auto gate = AsyncDropGate::create();
    const auto progress = gate->drop_progress();
    EXPECT_EQ(progress(), "");
    const AsyncDropGate::Pass read = gate->enter("read");
    const auto line = __LINE__ - 1;
    AsyncDropGate::Pass unnamed = gate->enter();
    const auto inside = gate->occupants();
    ASSERT_EQ(inside.size(), 2u);
    EXPECT_THAT(inside[0].site.file(), testing::EndsWith("gate_test.cpp"));
    EXPECT_EQ(inside[0].site.line(), static_cast<unsigned>(line));
    EXPECT_GE(inside[0].age, inside[1].age);
    EXPECT_THAT(progress(), ContainsRegex("^2 inside: read \\(.* ms, since .*gate_test.cpp:[0-9]+\\), \\("));
    unnamed.leave();
    AsyncDropGate::Pass out = std::move(const_cast<AsyncDropGate::Pass&>(read));
    out.leave();
    EXPECT_EQ(start_dropping(gate), "no error");
}

TEST_F(GateTest, ACancelledDropGoesOnWaiting) {
    auto gate = AsyncDropGate::create();
    AsyncDropGate::Pass pass = gate->enter("slow");
    auto graph = asyncdrop::TeardownGraph::create();
    graph->add("gate", std::move(gate), asyncdrop::cancel_after(std::chrono::milliseconds(1)));
    std::optional<asyncdrop::TeardownReport> report;
    const auto run = [&]() -> asio::awaitable<void> { report = co_await graph->run(); };
    asio::co_spawn(context, run(), asio::detached);
    asio::steady_timer pause(context, std::chrono::milliseconds(20));  // far behind the deadline
    pause.async_wait([&](boost::system::error_code) {
        EXPECT_FALSE(report);
        pass.leave();
    });
    context.restart();
    context.run();
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->ok());
    EXPECT_TRUE(report->nodes[0].cancelled);
    run_coroutine(context, graph.async_drop());
}

TEST_F(GateTest, ASentenceAboutATeardownThatWaitsNamesWhoIsInside) {
    auto gate = AsyncDropGate::create();
    AsyncDropGate::Pass pass = gate->enter("GET /slow");
    std::string said;
    asyncdrop::TeardownSettings settings;
    settings.sink = [&](std::string_view sentence) {
        said = sentence;
        pass.leave();
    };
    auto graph = asyncdrop::TeardownGraph::create(std::move(settings));
    graph->add("requests", std::move(gate), asyncdrop::warn_after(std::chrono::milliseconds(1)));
    EXPECT_TRUE(run_coroutine(context, graph->run()).ok());
    EXPECT_THAT(said,
                ContainsRegex("^still dropping requests, .* ms, created at .*, 1 inside: GET /slow \\(.* ms, "
                              "since .*gate_test.cpp:[0-9]+\\)$"));
    run_coroutine(context, graph.async_drop());
}

TEST_F(GateTest, ABracketDrainsTheGateAfterItsBody) {
    const auto open = [] { return AsyncDropGate::create(); };
    const auto body = [&](AsyncDropGate& gate) -> asio::awaitable<void> {
        asio::co_spawn(context, visit(gate, "request", door),
                       [&](const std::exception_ptr&) { journal.add("request over"); });
        co_await let_others_run();
        journal.add("body over");
        asio::post(context, [this] { door.open(); });
    };
    run_coroutine(context, [&]() -> asio::awaitable<void> {
        co_await asyncdrop::with_async_drop(open, body);
        journal.add("drained");
    });
    poll();
    EXPECT_THAT(journal.events(), testing::UnorderedElementsAre("body over", "request over", "drained"));
    EXPECT_LT(journal.place_of("body over"), journal.place_of("drained"));
}

}  // namespace gate_test
