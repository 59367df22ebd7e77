// AsyncDropHashMap: the container, and the concurrent drop of its values.

#include <asyncdrop/hash_map.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/arc.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe.hpp"

namespace {

using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropError;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropHashMap;
using test_support::run_coroutine;
using Map = AsyncDropHashMap<std::string, Probe>;

class HashMap : public testing::Test {
  protected:
    void insert(AsyncDropGuard<Map>& map, const std::string& name, Cleanup cleanup = {}) {
        auto rejected = map->try_insert(name, make_probe(journal, name, std::move(cleanup)));
        ASSERT_FALSE(static_cast<bool>(rejected));
    }

    Journal journal;
    asio::io_context context;
};

TEST_F(HashMap, IsEmptyAtFirst) {
    auto map = Map::create();
    EXPECT_TRUE(map->empty());
    EXPECT_EQ(map->size(), 0u);
    EXPECT_EQ(map->get("a"), nullptr);
    EXPECT_EQ(map->begin(), map->end());
    run_coroutine(context, map.async_drop());
}

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

TEST_F(HashMap, LooksUpByOtherTypesIfHashAndEqualAreTransparent) {
    using LooseMap = AsyncDropHashMap<std::string, Probe, AsyncDropGuard<Probe>, TextHash, std::equal_to<>>;
    constexpr std::string_view key = "a";
    auto map = LooseMap::create();
    EXPECT_EQ(map->get(key), nullptr);
    EXPECT_FALSE(map->contains(key));
    auto rejected = map->try_insert("a", make_probe(journal, "a"));
    EXPECT_FALSE(static_cast<bool>(rejected));
    EXPECT_EQ(std::as_const(*map).get(key), map->get("a"));
    EXPECT_EQ(map->get_mut(key), &**map->owner(key));
    EXPECT_TRUE(map->contains(key));
    AsyncDropGuard<Probe> removed = map->remove(key);
    EXPECT_EQ(removed->name(), "a");
    EXPECT_FALSE(static_cast<bool>(map->remove(key)));
    run_coroutine(context, removed.async_drop());
    run_coroutine(context, map.async_drop());
}

TEST_F(HashMap, FindsWhatWasInserted) {
    auto map = Map::create();
    insert(map, "a");
    insert(map, "b");
    EXPECT_EQ(map->size(), 2u);
    ASSERT_NE(map->get("a"), nullptr);
    EXPECT_EQ(map->get("a")->name(), "a");
    EXPECT_TRUE(map->contains("b"));
    EXPECT_FALSE(map->contains("c"));
    run_coroutine(context, map.async_drop());
    EXPECT_TRUE(journal.contains("dropped a"));
    EXPECT_TRUE(journal.contains("dropped b"));
}

TEST_F(HashMap, GivesTheGuardForATakenKeyBack) {
    auto map = Map::create();
    insert(map, "a");
    map->get_mut("a")->value = 1;
    auto rejected = map->try_insert("a", make_probe(journal, "second"));
    ASSERT_TRUE(static_cast<bool>(rejected));
    EXPECT_EQ(rejected->name(), "second");
    EXPECT_EQ(map->size(), 1u);
    EXPECT_EQ(map->get("a")->value, 1);
    run_coroutine(context, rejected.async_drop());
    EXPECT_TRUE(journal.contains("dropped second"));
    EXPECT_FALSE(journal.contains("drop a"));
    run_coroutine(context, map.async_drop());
}

TEST_F(HashMap, LetsValuesBeChanged) {
    auto map = Map::create();
    insert(map, "a");
    map->get_mut("a")->value = 42;
    EXPECT_EQ(map->get("a")->value, 42);
    EXPECT_EQ(map->get_mut("b"), nullptr);
    run_coroutine(context, map.async_drop());
}

TEST_F(HashMap, HandsARemovedValueToItsTaker) {
    auto map = Map::create();
    insert(map, "a");
    auto removed = map->remove("a");
    ASSERT_TRUE(static_cast<bool>(removed));
    EXPECT_TRUE(map->empty());
    EXPECT_FALSE(static_cast<bool>(map->remove("a")));
    run_coroutine(context, map.async_drop());
    EXPECT_FALSE(journal.contains("drop a"));
    run_coroutine(context, removed.async_drop());
    EXPECT_TRUE(journal.contains("dropped a"));
}

TEST_F(HashMap, ShowsEveryValueWhenIterated) {
    auto map = Map::create();
    for (const char* name : {"a", "b", "c"}) insert(map, name);
    std::set<std::string> seen;
    for (auto [key, value] : *map) {
        EXPECT_EQ(key, value.name());
        value.value = 9;
        seen.insert(key);
    }
    EXPECT_EQ(seen, (std::set<std::string>{"a", "b", "c"}));
    for (auto [key, value] : std::as_const(*map)) EXPECT_EQ(value.value, 9) << key;
    run_coroutine(context, map.async_drop());
}

TEST_F(HashMap, KeepsValuesInPlaceWhileItGrows) {
    auto map = Map::create();
    insert(map, "first");
    const Probe* const address = map->get("first");
    for (int i = 0; i < 200; ++i) insert(map, std::to_string(i));
    EXPECT_EQ(map->get("first"), address);
    run_coroutine(context, map.async_drop());
}

TEST_F(HashMap, DropsAllFiveValues) {
    auto map = Map::create();
    for (const char* name : {"a", "b", "c", "d", "e"}) insert(map, name);
    run_coroutine(context, map.async_drop());
    EXPECT_TRUE(map.is_dropped());
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        EXPECT_TRUE(journal.contains(std::string("dropped ") + name));
        EXPECT_TRUE(journal.contains(std::string("gone ") + name));
    }
}

TEST_F(HashMap, DropsItsValuesAtTheSameTime) {
    auto map = Map::create();
    Gate first;
    Gate second;
    // Each waits for the other's cleanup to have begun; one after the other would never end.
    insert(map, "a", [&]() -> asio::awaitable<void> {
        first.open();
        co_await second.pass();
    });
    insert(map, "b", [&]() -> asio::awaitable<void> {
        second.open();
        co_await first.pass();
    });
    run_coroutine(context, map.async_drop());
    EXPECT_TRUE(journal.contains("dropped a"));
    EXPECT_TRUE(journal.contains("dropped b"));
}

TEST_F(HashMap, ThrowsASingleErrorAsItself) {
    auto map = Map::create();
    for (const char* name : {"a", "b", "c"}) insert(map, name);
    insert(map, "bad", failing("disk full"));
    EXPECT_EQ(run_coroutine(context, outcome_of(map.async_drop())), "disk full");
    EXPECT_TRUE(map.is_dropped());
    for (const char* name : {"a", "b", "c"}) EXPECT_TRUE(journal.contains(std::string("dropped ") + name));
}

TEST_F(HashMap, KeepsEveryErrorWhenSeveralValuesFail) {
    auto map = Map::create();
    insert(map, "good");
    for (const char* name : {"x", "y", "z"}) insert(map, name, failing(std::string("error of ") + name));
    std::set<std::string> messages;
    try {
        run_coroutine(context, map.async_drop());
        FAIL() << "three cleanups failed";
    } catch (const AsyncDropError& error) {
        messages.insert(message_of(error.primary()));
        for (const auto& suppressed : error.suppressed()) messages.insert(message_of(suppressed.error));
    }
    EXPECT_EQ(messages, (std::set<std::string>{"error of x", "error of y", "error of z"}));
    EXPECT_TRUE(journal.contains("dropped good"));
}

TEST_F(HashMap, FinishesItsDropAlthoughCancelled) {
    auto map = Map::create();
    Gate gate;
    insert(map, "a", waiting_for(gate));
    insert(map, "b", waiting_for(gate));
    asio::cancellation_signal signal;
    std::string outcome;
    asio::co_spawn(context, map.async_drop(),
                   asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& error) {
                       outcome = message_of(error);
                       signal.slot().clear();
                   }));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_TRUE(outcome.empty());
    gate.open();
    context.run();
    EXPECT_EQ(outcome, "no error");
    EXPECT_TRUE(journal.contains("dropped a"));
    EXPECT_TRUE(journal.contains("dropped b"));
}

TEST_F(HashMap, HoldsBoxesOfAnAbstractTypeAndArcs) {
    auto boxes = AsyncDropHashMap<int, ProbeBase, AsyncDropBox<ProbeBase>>::create();
    auto rejected = boxes->try_insert(
        1, AsyncDropBox<ProbeBase>(asyncdrop::make_box<Probe>(journal, "boxed", Cleanup{})));
    EXPECT_FALSE(static_cast<bool>(rejected));
    EXPECT_EQ(boxes->get(1)->name(), "boxed");

    using SharedProbe = asyncdrop::AsyncDropArc<Probe>;
    auto arcs = AsyncDropHashMap<int, Probe, SharedProbe>::create();
    SharedProbe mine(make_probe(journal, "shared"));
    EXPECT_FALSE(static_cast<bool>(arcs->try_insert(1, mine.clone())));
    EXPECT_EQ(arcs->get(1)->name(), "shared");

    run_coroutine(context, boxes.async_drop());
    EXPECT_TRUE(journal.contains("dropped boxed"));
    run_coroutine(context, arcs.async_drop());
    EXPECT_FALSE(journal.contains("drop shared"));
    run_coroutine(context, mine.async_drop());
    EXPECT_TRUE(journal.contains("dropped shared"));
}

TEST_F(HashMap, DropsManyValuesOnSeveralThreads) {
    asio::thread_pool pool(4);
    auto map = AsyncDropHashMap<int, Probe>::create();
    for (int i = 0; i < 500; ++i) {
        auto rejected =
            map->try_insert(i, make_probe(journal, std::to_string(i), []() -> asio::awaitable<void> {
                                auto executor = co_await asio::this_coro::executor;
                                co_await asio::post(executor, asio::use_awaitable);
                            }));
        ASSERT_FALSE(static_cast<bool>(rejected));
    }
    asio::co_spawn(pool, map.async_drop(), asio::detached);
    pool.join();
    EXPECT_TRUE(map.is_dropped());
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(journal.contains("dropped " + std::to_string(i)));
}

using HashMapDeathTest = HashMap;

TEST_F(HashMapDeathTest, AbortsWhenTheMapIsForgotten) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH({ auto map = Map::create(); }, "Forgot to call async_drop on .*HashMap.*hash_map_test.cpp");
}

TEST_F(HashMapDeathTest, AbortsWhenAnEmptyGuardIsInserted) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto map = Map::create();
    EXPECT_DEATH((void)map->try_insert("a", AsyncDropGuard<Probe>()), "empty guard was inserted");
    run_coroutine(context, map.async_drop());
}

TEST_F(HashMap, GivesWhatOwnsAValueSoThatAnArcCanBeCloned) {
    using Arcs = AsyncDropHashMap<std::string, Probe, asyncdrop::AsyncDropArc<Probe>>;
    auto map = Arcs::create();
    asyncdrop::AsyncDropArc<Probe> first(make_probe(journal, "a"));
    auto rejected = map->try_insert("a", std::move(first));
    ASSERT_FALSE(static_cast<bool>(rejected));
    EXPECT_EQ(map->owner("b"), nullptr);
    ASSERT_NE(map->owner("a"), nullptr);
    auto clone = map->owner("a")->clone();
    EXPECT_EQ(clone.strong_count(), 2u);
    run_coroutine(context, map.async_drop());
    EXPECT_EQ(clone.strong_count(), 1u);
    run_coroutine(context, clone.async_drop());
}

}  // namespace
