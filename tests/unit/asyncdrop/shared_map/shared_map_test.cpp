// AsyncDropSharedMap: one resource a key, made once, cleaned up with its last user or with the map.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/shared_map.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/detached.hpp>
#include <optional>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe_test.hpp"

namespace shared_map_test {

using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;
using asyncdrop::WhenUnused;
using test_support::run_coroutine;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
using Map = asyncdrop::AsyncDropSharedMap<std::string, Probe>;
using User = AsyncDropBox<Probe>;

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using LooseMap = asyncdrop::AsyncDropSharedMap<std::string, Probe, TextHash, std::equal_to<>>;

struct Waited {
    std::string outcome;
    User user;
};

inline asio::awaitable<void> wait_for(asio::awaitable<User> getting, Waited& waited) {
    try {
        waited.user = co_await std::move(getting);
        waited.outcome = waited.user->name();
    } catch (const std::exception& error) {
        waited.outcome = error.what();
    }
}

class SharedMapTest : public ProbeTest {
  protected:
    AsyncDropGuard<Map> make_map(WhenUnused when_unused = WhenUnused::drop) {
        return Map::create([this](const std::string& key) { return create(key); }, when_unused);
    }
    // Waits in the gate, unless that is open.
    asio::awaitable<AsyncDropGuard<Probe>> create(std::string key) {
        journal.add("create " + key);
        bool cancelled = false;
        try {
            co_await gate.pass();
        } catch (const boost::system::system_error&) {
            cancelled = true;
            journal.add("cancelled " + key);
        }
        if (cancelled || fails) throw std::runtime_error("cannot create " + key);
        co_return make_probe(journal, key, cleanup);
    }
    User get(Map& map, const std::string& key) { return run_coroutine(context, map.get(key)); }
    void start_waiting(Map& map, const std::string& key, Waited& waited) {
        asio::co_spawn(context, wait_for(map.get(key), waited), asio::detached);
        poll();
    }

    Gate gate;
    Cleanup cleanup;
    bool fails = false;
};

TEST_F(SharedMapTest, ManyWaitForOneCreationAndTheLastUserCleansUp) {
    auto map = make_map();
    Waited first, second, other;
    start_waiting(*map, "a", first);
    start_waiting(*map, "a", second);
    start_waiting(*map, "b", other);
    EXPECT_THAT(journal.events(), ElementsAre("create a", "create b"));
    gate.open();
    poll();
    EXPECT_EQ(first.outcome, "a");
    EXPECT_EQ(&*first.user, &*second.user);
    EXPECT_NE(&*first.user, &*other.user);
    EXPECT_EQ(map->size(), 2u);
    drop(first.user);
    EXPECT_FALSE(journal.contains("drop a"));
    drop(second.user);
    EXPECT_TRUE(journal.contains("gone a"));
    EXPECT_EQ(map->size(), 1u);
    drop(other.user);
    EXPECT_EQ(start_dropping(map), "no error");
}

TEST_F(SharedMapTest, AfterTheLastUserTheNextOneGetsANewResource) {
    gate.open();
    auto map = make_map();
    User first = get(*map, "a");
    drop(first);
    User second = get(*map, "a");
    drop(second);
    EXPECT_THAT(journal.events(), ElementsAre("create a", "drop a", "dropped a", "gone a", "create a",
                                              "drop a", "dropped a", "gone a"));
    drop(map);
}

TEST_F(SharedMapTest, OfOneKeyThereAreNeverTwo) {
    gate.open();
    Gate closing;
    cleanup = waiting_for(closing);
    auto map = make_map();
    User first = get(*map, "a");
    start_dropping(first);
    Waited second;
    start_waiting(*map, "a", second);
    EXPECT_THAT(journal.events(), ElementsAre("create a", "drop a"))
        << "created while the old one is being closed";
    closing.open();
    poll();
    EXPECT_EQ(dropped, "no error");
    EXPECT_EQ(second.outcome, "a");
    drop(second.user);
    drop(map);
}

TEST_F(SharedMapTest, WhatIsKeptIsUsedAgainAndGoesWithTheMap) {
    gate.open();
    auto map = make_map(WhenUnused::keep);
    User first = get(*map, "a");
    Probe* const address = &*first;
    drop(first);
    User second = get(*map, "a");
    EXPECT_EQ(&*second, address);
    drop(second);
    User other = get(*map, "b");
    drop(other);
    EXPECT_EQ(map->size(), 2u);
    EXPECT_FALSE(journal.contains("drop a"));
    EXPECT_EQ(start_dropping(map), "no error");
    EXPECT_TRUE(journal.contains("gone a"));
    EXPECT_TRUE(journal.contains("gone b"));
}

TEST_F(SharedMapTest, TheDropOfTheMapWaitsForItsUsersAndRefusesNewOnes) {
    gate.open();
    auto map = make_map(WhenUnused::keep);
    Map& inside = *map;
    User user = get(*map, "a");
    asio::awaitable<User> late = inside.get("a");
    EXPECT_EQ(start_dropping(map), std::nullopt);
    EXPECT_TRUE(inside.closed());
    Waited refused;
    run_coroutine(context, wait_for(std::move(late), refused));
    EXPECT_EQ(refused.outcome, "the shared map is closed: it is being dropped");
    const auto inside_now = inside.occupants();
    ASSERT_EQ(inside_now.size(), 1u);
    EXPECT_EQ(inside_now[0].name, "a");
    drop(user);
    poll();
    EXPECT_EQ(dropped, "no error");
    EXPECT_TRUE(journal.contains("gone a"));
}

TEST_F(SharedMapTest, WhoeverWaitsWhenTheMapIsDroppedIsServed) {
    auto map = make_map();
    Waited waited;
    start_waiting(*map, "a", waited);
    EXPECT_EQ(start_dropping(map), std::nullopt);
    gate.open();
    poll();
    EXPECT_EQ(waited.outcome, "a");
    drop(waited.user);
    poll();
    EXPECT_EQ(dropped, "no error");
}

TEST_F(SharedMapTest, AFailedCreationGivesItsErrorToAllAndTheNextTriesAgain) {
    fails = true;
    auto map = make_map();
    Waited first, second;
    start_waiting(*map, "a", first);
    start_waiting(*map, "a", second);
    gate.open();
    poll();
    EXPECT_EQ(first.outcome, "cannot create a");
    EXPECT_EQ(second.outcome, "cannot create a");
    EXPECT_EQ(map->size(), 0u);
    fails = false;
    User user = get(*map, "a");
    EXPECT_EQ(user->name(), "a");
    drop(user);
    drop(map);
}

TEST_F(SharedMapTest, ACancelledWaiterHurtsNobodyElse) {
    auto map = make_map();
    asio::cancellation_signal signal;
    Waited first, second;
    start_cancellable(wait_for(map->get("a"), first), signal);
    start_waiting(*map, "a", second);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_THAT(first.outcome, HasSubstr("Operation canceled"));
    gate.open();
    poll();
    EXPECT_EQ(second.outcome, "a");
    drop(second.user);
    drop(map);
}

TEST_F(SharedMapTest, TheCreationIsCancelledWithItsLastWaiter) {
    auto map = make_map();
    asio::cancellation_signal signal;
    Waited waited;
    start_cancellable(wait_for(map->get("a"), waited), signal);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_THAT(waited.outcome, HasSubstr("Operation canceled"));
    EXPECT_THAT(journal.events(), ElementsAre("create a", "cancelled a"));
    EXPECT_EQ(map->size(), 0u);
    drop(map);
}

TEST_F(SharedMapTest, AMapThatKeepsGoesOnWithACreationThatNobodyWaitsForAnyMore) {
    auto map = make_map(WhenUnused::keep);
    asio::cancellation_signal signal;
    Waited first;
    start_cancellable(wait_for(map->get("a"), first), signal);
    signal.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_THAT(first.outcome, HasSubstr("Operation canceled"));
    gate.open();
    User next = get(*map, "a");
    EXPECT_THAT(journal.events(), ElementsAre("create a"));
    drop(next);
    EXPECT_EQ(start_dropping(map), "no error");
}

// Every moment at which the cancellation may come.
TEST_F(SharedMapTest, NothingIsLeftWheneverAWaiterIsCancelled) {
    gate.open();
    for (int turns = 0; turns < 12; ++turns) {
        auto map = make_map();
        asio::cancellation_signal signal;
        Waited waited;
        spawn_cancellable(wait_for(map->get("a"), waited), signal);
        context.restart();
        for (int turn = 0; turn < turns; ++turn) context.poll_one();
        asio::post(context, [&signal] { signal.emit(asio::cancellation_type::terminal); });
        poll();
        EXPECT_NE(waited.outcome, "") << turns;
        if (waited.user) drop(waited.user);
        EXPECT_EQ(map->size(), 0u) << turns;
        EXPECT_EQ(start_dropping(map), "no error") << turns;
    }
}

TEST_F(SharedMapTest, AnErrorOfACleanupIsTheLastUsersOrTheMaps) {
    gate.open();
    cleanup = failing("disk full");
    auto map = make_map();
    User user = get(*map, "a");
    EXPECT_EQ(start_dropping(user), "disk full");
    EXPECT_EQ(map->size(), 0u);
    EXPECT_EQ(start_dropping(map), "no error");
    auto keeping = make_map(WhenUnused::keep);
    for (const char* key : {"b", "c"}) {
        User other = get(*keeping, key);
        drop(other);
    }
    EXPECT_THAT(start_dropping(keeping).value_or(""), HasSubstr("disk full; while cleaning up Probe"));
}

TEST_F(SharedMapTest, AForgottenUserIsReportedAndTheMapGoesOn) {
    gate.open();
    ForgottenRecorder forgotten;
    auto map = make_map();
    {
        User user = get(*map, "a");
    }
    EXPECT_FALSE(forgotten.entries().empty());
    EXPECT_EQ(map->size(), 0u);
    User again = get(*map, "a");
    drop(again);
    EXPECT_EQ(start_dropping(map), "no error");
}

TEST_F(SharedMapTest, AForgottenMapReportsItselfAndWhatItKeeps) {
    gate.open();
    ForgottenRecorder forgotten;
    {
        auto map = make_map(WhenUnused::keep);
        User user = get(*map, "a");
        drop(user);
    }
    ASSERT_EQ(forgotten.entries().size(), 2u);
    EXPECT_THAT(forgotten.entries()[0].type, HasSubstr("AsyncDropSharedMap"));
    EXPECT_THAT(forgotten.entries()[1].type, HasSubstr("AsyncDropShared"));
}

TEST_F(SharedMapTest, FactoriesMayBePlainFunctionsAndMakeBoxes) {
    auto map = Map::create(
        [this](const std::string& key) { return asyncdrop::make_box<Probe>(journal, key, Cleanup()); });
    User user = get(*map, "a");
    EXPECT_EQ(user->name(), "a");
    drop(user);
    drop(map);
}

TEST_F(SharedMapTest, LooksUpByOtherTypesIfHashAndEqualAreTransparent) {
    gate.open();
    auto map = LooseMap::create([this](const std::string& key) { return create(key); });
    constexpr std::string_view key = "a";
    User first = run_coroutine(context, map->get(key));
    User second = run_coroutine(context, map->get("a"));
    User third = run_coroutine(context, map->get(std::string("a")));
    EXPECT_EQ(&*first, &*second);
    EXPECT_EQ(&*first, &*third);
    drop(first);
    drop(second);
    drop(third);
    drop(map);
}

}  // namespace shared_map_test
