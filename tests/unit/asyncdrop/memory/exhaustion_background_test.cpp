// Memory exhaustion of what runs or waits beside its owner; see exhaustion.hpp.

#include <gmock/gmock.h>

#include <asyncdrop/gate.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/scope.hpp>
#include <asyncdrop/shared_map.hpp>
#include <asyncdrop/task.hpp>

#include "tests/unit/asyncdrop/memory/exhaustion.hpp"

namespace {

using namespace exhaustion_test;
using asyncdrop::AsyncDropGate;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropScope;
using asyncdrop::AsyncDropTask;
using Map = asyncdrop::AsyncDropSharedMap<int, Counted>;

class ExhaustionInTheBackground : public Exhaustion {};

INSTANTIATE_TEST_SUITE_P(WithAndWithoutCancellation, ExhaustionInTheBackground, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Shielded" : "Plain"; });

/// What it allocates never fails.
asio::awaitable<void> yield() {
    const Pause pause;
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
}

/// Dropped without an error, or armed because memory was short and now to be dropped again.
template <class Owner>
void expect_not_lost_unless_armed(Owner& owner, const std::exception_ptr& error,
                                  const std::function<std::string()>& drop_again) {
    EXPECT_EQ(static_cast<bool>(owner), error != nullptr);
    if (owner) {
        EXPECT_TRUE(is_no_memory(error));
        EXPECT_EQ(drop_again(), "no error");
    }
    EXPECT_TRUE(owner.is_dropped());
    EXPECT_EQ(forgotten, 0);
}

asio::awaitable<void> count(int& runs, bool fails) {
    ++runs;
    if (fails) throw CleanupFailed();
    co_return;
}

// Tasks run on strands, and Asio (1.81 at least) ends the program when a strand finds no memory to go on. So memory
// fails in the drops only, when the tasks have ended.
TEST_P(ExhaustionInTheBackground, OfAScope) {
    using State = One<AsyncDropGuard<AsyncDropScope>>;
    for_every_allocation<State>(
        [](Round& round, State& state) -> asio::awaitable<void> {
            state.owner = AsyncDropScope::create(round.context.get_executor());
            state.owner->spawn("count", count(round.first, false));
            while (state.owner->size() != 0) co_await yield();
            round.begin();
            co_await state.owner.async_drop();
        },
        [](Round& round, State& state, const std::exception_ptr& error) {
            expect_not_lost_unless_armed(state.owner, error,
                                         [&] { return drop_again(round, state.owner.async_drop()); });
            EXPECT_EQ(round.first, 1);
        });
}

// Both errors arrive, or one, and a line tells of the other.
TEST_P(ExhaustionInTheBackground, OfAScopeWhoseTasksFailed) {
    using State = One<AsyncDropGuard<AsyncDropScope>>;
    for_every_allocation<State>(
        [](Round& round, State& state) -> asio::awaitable<void> {
            state.owner = AsyncDropScope::create(round.context.get_executor());
            state.owner->spawn("first", count(round.first, true));
            state.owner->spawn("second", count(round.second, true));
            while (state.owner->size() != 0) co_await yield();
            round.begin();
            co_await state.owner.async_drop();
        },
        [](Round& round, State& state, const std::exception_ptr& error) {
            ASSERT_TRUE(error != nullptr);
            if (state.owner) {
                EXPECT_TRUE(is_no_memory(error));
                EXPECT_THAT(drop_again(round, state.owner.async_drop()), testing::HasSubstr("task second"));
            } else {
                const std::string told = asyncdrop::detail::message_of(error);
                EXPECT_THAT(told, testing::HasSubstr("cleanup failed"));
                EXPECT_TRUE(told.find("task second") != std::string::npos || printed == 1) << told;
            }
            EXPECT_TRUE(state.owner.is_dropped());
            EXPECT_EQ(forgotten, 0);
        });
}

TEST_P(ExhaustionInTheBackground, OfATask) {
    using State = One<AsyncDropGuard<AsyncDropTask>>;
    for_every_allocation<State>(
        [](Round& round, State& state) -> asio::awaitable<void> {
            int& runs = round.first;
            auto body = [&runs](asyncdrop::TaskControl&) { return count(runs, false); };
            state.owner = AsyncDropTask::start(round.context.get_executor(), "count", body);
            while (!state.owner->has_ended()) co_await yield();
            round.begin();
            co_await state.owner.async_drop();
        },
        [](Round& round, State& state, const std::exception_ptr& error) {
            expect_not_lost_unless_armed(state.owner, error,
                                         [&] { return drop_again(round, state.owner.async_drop()); });
            EXPECT_EQ(round.first, 1);
        });
}

TEST_P(ExhaustionInTheBackground, OfAGate) {
    using State = One<AsyncDropGuard<AsyncDropGate>>;
    for_every_allocation<State>(
        [](Round& round, State& state) -> asio::awaitable<void> {
            state.owner = AsyncDropGate::create();
            asio::post(round.context, [pass = state.owner->enter("visitor"), &round]() mutable {
                ++round.first;
                pass.leave();
            });
            round.begin();
            co_await state.owner.async_drop();
            EXPECT_EQ(round.first, 1) << "the drop did not wait";
        },
        [](Round& round, State& state, const std::exception_ptr& error) {
            expect_not_lost_unless_armed(state.owner, error,
                                         [&] { return drop_again(round, state.owner.async_drop()); });
            EXPECT_EQ(round.first, 1);
        });
}

/// A map, and a use of one of its resources.
struct MapAndUse {
    AsyncDropGuard<Map> map;
    asyncdrop::AsyncDropBox<Counted> use;
};

/// A map whose resources count in `first` how many were cleaned up, and in `second` how many were made.
AsyncDropGuard<Map> make_map(Round& round, asyncdrop::WhenUnused when_unused) {
    auto make = [&round](const int&) {
        auto made = asyncdrop::make_guard<Counted>(round.first);
        ++round.second;
        return made;
    };
    return Map::create(make, when_unused);
}

void expect_all_cleaned_up(Round& round, MapAndUse& state,
                           const std::function<std::string(asio::awaitable<void>)>& drop_again) {
    if (state.use) {
        EXPECT_EQ(drop_again(state.use.async_drop()), "no error");
    }
    if (state.map) {
        EXPECT_EQ(drop_again(state.map.async_drop()), "no error");
    }
    EXPECT_TRUE(state.map.is_dropped());
    EXPECT_EQ(round.first, round.second);
    EXPECT_EQ(forgotten, 0);
}

TEST_P(ExhaustionInTheBackground, OfTheLastUseOfASharedMap) {
    for_every_allocation<MapAndUse>(
        [](Round& round, MapAndUse& state) -> asio::awaitable<void> {
            state.map = make_map(round, asyncdrop::WhenUnused::drop);
            state.use = co_await state.map->get(1);
            round.begin();
            co_await state.use.async_drop();
            co_await state.map.async_drop();
        },
        [](Round& round, MapAndUse& state, const std::exception_ptr& error) {
            if (state.use || state.map) {
                EXPECT_TRUE(is_no_memory(error));
            }
            expect_all_cleaned_up(
                round, state, [&](asio::awaitable<void> drop) { return drop_again(round, std::move(drop)); });
            EXPECT_EQ(round.first, 1);
        });
}

TEST_P(ExhaustionInTheBackground, OfASharedMapThatKeeps) {
    for_every_allocation<MapAndUse>(
        [](Round& round, MapAndUse& state) -> asio::awaitable<void> {
            state.map = make_map(round, asyncdrop::WhenUnused::keep);
            state.use = co_await state.map->get(1);
            co_await state.use.async_drop();
            round.begin();
            co_await state.map.async_drop();
        },
        [](Round& round, MapAndUse& state, const std::exception_ptr& error) {
            if (state.map) {
                EXPECT_TRUE(is_no_memory(error));
            }
            expect_all_cleaned_up(
                round, state, [&](asio::awaitable<void> drop) { return drop_again(round, std::move(drop)); });
            EXPECT_EQ(round.first, 1);
        });
}

}  // namespace
