// The registry of live guards: what it lists, through moves, boxes and drops, and that it is off by default.

#include <asyncdrop/registry.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/stack.hpp>
#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <regex>
#include <thread>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;
using asyncdrop::CreationSite;
using asyncdrop::live_guards;
using asyncdrop::live_guards_text;
using asyncdrop::LiveGuard;
using asyncdrop::name_live_guard;
using test_support::run_coroutine;

class Registry : public testing::Test {
  protected:
    Registry() { asyncdrop::set_guard_registry(true); }
    ~Registry() override { asyncdrop::set_guard_registry(false); }

    AsyncDropGuard<Probe> probe(int line, Cleanup cleanup = {}) {
        return make_probe(journal, "it", std::move(cleanup), CreationSite("main.cpp", line));
    }
    static std::vector<int> lines() {
        std::vector<int> lines;
        for (const LiveGuard& guard : live_guards()) lines.push_back(static_cast<int>(guard.site.line()));
        return lines;
    }

    Journal journal;
    asio::io_context context;
};

TEST_F(Registry, ListsLiveGuardsTheOldestFirst) {
    auto a = probe(1);
    auto b = probe(2);
    auto c = probe(3);
    EXPECT_EQ(lines(), (std::vector<int>{1, 2, 3}));
    const std::vector<LiveGuard> guards = live_guards();
    EXPECT_EQ(guards[0].type, "Probe");
    EXPECT_EQ(guards[0].name, "");
    EXPECT_STREQ(guards[0].site.file(), "main.cpp");
    EXPECT_FALSE(guards[0].dropping);
    EXPECT_GE(guards[0].age, guards[2].age);
    run_coroutine(context, b.async_drop());
    EXPECT_EQ(lines(), (std::vector<int>{1, 3}));
    run_coroutine(context, a.async_drop());
    run_coroutine(context, c.async_drop());
    EXPECT_TRUE(live_guards().empty());
    EXPECT_EQ(live_guards_text(), "");
}

TEST_F(Registry, FollowsAGuardThroughMovesAndIntoAnArc) {
    auto first = probe(1);
    auto second = probe(2);
    EXPECT_TRUE(name_live_guard(first, "journal"));
    AsyncDropGuard<Probe> moved = std::move(first);
    EXPECT_FALSE(name_live_guard(first, "nobody"));
    swap(moved, second);
    swap(moved, second);
    AsyncDropBox<Probe> box = std::move(moved).into_box();
    AsyncDropBox<ProbeBase> base = std::move(box);
    AsyncDropArc<ProbeBase> arc(std::move(base));
    ASSERT_EQ(lines(), (std::vector<int>{1, 2}));  // still the older one
    EXPECT_EQ(live_guards()[0].name, "journal");
    run_coroutine(context, arc.async_drop());
    EXPECT_EQ(lines(), std::vector<int>{2});
    run_coroutine(context, second.async_drop());
}

struct Wrapper {
    explicit Wrapper(Probe&& p) noexcept : probe(std::move(p)) {}
    asio::awaitable<void> async_drop_impl() { return probe.async_drop_impl(); }
    Probe probe;
};

TEST_F(Registry, ShowsTheNewTypeOfAMappedGuard) {
    auto guard = probe(1);
    auto later = probe(2);
    auto mapped = std::move(guard).map_unsafe([](Probe&& p) { return Wrapper(std::move(p)); });
    ASSERT_EQ(lines(), (std::vector<int>{1, 2}));
    EXPECT_NE(live_guards()[0].type.find("Wrapper"), std::string::npos);
    run_coroutine(context, mapped.async_drop());
    run_coroutine(context, later.async_drop());
    EXPECT_TRUE(live_guards().empty());
}

TEST_F(Registry, TellsWhichCleanupHangs) {
    Gate gate;
    auto stuck = probe(12, waiting_for(gate));
    name_live_guard(stuck, "journal");
    auto idle = probe(13);
    asio::co_spawn(context, stuck.async_drop(), asio::detached);
    context.poll();
    const std::string age = ", [0-9]+\\.[0-9] (ms|s), ";
    const std::string text = live_guards_text();
    EXPECT_TRUE(std::regex_match(
        text, std::regex("Probe \"journal\"" + age + "created at main.cpp:12, dropping\nProbe" + age +
                         "created at main.cpp:13\n")))
        << text;
    gate.open();
    context.run();
    EXPECT_EQ(lines(), std::vector<int>{13});
    run_coroutine(context, idle.async_drop());
}

TEST_F(Registry, ForgetsAGuardThatDiedUndropped) {
    ForgottenRecorder recorder;
    {
        auto forgotten = probe(1);
    }
    EXPECT_EQ(recorder.entries().size(), 1u);
    EXPECT_TRUE(live_guards().empty());
}

TEST_F(Registry, ListsTheCallbacksOfAStack) {
    asyncdrop::AsyncDropStack stack;
    stack.defer([]() noexcept {}, CreationSite("main.cpp", 7));
    ASSERT_EQ(lines(), std::vector<int>{7});
    EXPECT_EQ(live_guards()[0].type, "cleanup callback");
    stack.release();
    EXPECT_TRUE(live_guards().empty());
}

TEST_F(Registry, KnowsNothingOfWhatHappenedWhileItWasOff) {
    asyncdrop::set_guard_registry(false);
    auto before = probe(1);
    EXPECT_TRUE(live_guards().empty());
    asyncdrop::set_guard_registry(true);
    auto moved = std::move(before);
    EXPECT_TRUE(live_guards().empty());
    auto after = probe(2);
    EXPECT_EQ(lines(), std::vector<int>{2});
    asyncdrop::set_guard_registry(false);
    EXPECT_TRUE(live_guards().empty());
    run_coroutine(context, moved.async_drop());
    run_coroutine(context, after.async_drop());
}

TEST_F(Registry, ForgetsAPlaceThatWasTakenWhileItWasOff) {
    auto a = probe(1);
    auto b = probe(2);
    run_coroutine(context, b.async_drop());
    asyncdrop::set_guard_registry(false);
    auto unknown = probe(3);
    asyncdrop::set_guard_registry(true);
    b = std::move(unknown);
    EXPECT_TRUE(live_guards().empty());
    run_coroutine(context, a.async_drop());
    run_coroutine(context, b.async_drop());
}

TEST_F(Registry, IsUsedFromManyThreadsWhileItIsSwitched) {
    std::atomic<bool> done{false};
    asio::thread_pool pool(3);
    for (int worker = 0; worker < 3; ++worker) {
        asio::co_spawn(
            pool,
            [&]() -> asio::awaitable<void> {
                for (int i = 0; i < 300; ++i) {
                    auto guard = probe(1);
                    auto moved = std::move(guard);
                    co_await moved.async_drop();
                }
                auto executor = co_await asio::this_coro::executor;
                co_await asio::post(executor, asio::use_awaitable);
            },
            asio::detached);
    }
    std::thread switcher([&] {
        for (bool on = false; !done; on = !on) {
            asyncdrop::set_guard_registry(on);
            EXPECT_LE(live_guards().size(), 3u);
        }
    });
    pool.join();
    done = true;
    switcher.join();
    asyncdrop::set_guard_registry(true);
    auto last = probe(9);
    EXPECT_FALSE(lines().empty());
    run_coroutine(context, last.async_drop());
}

}  // namespace
