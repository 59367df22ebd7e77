// Memory exhaustion of what owns one resource or several; see exhaustion.hpp.

#include <asyncdrop/arc.hpp>
#include <asyncdrop/box.hpp>
#include <asyncdrop/drop_concurrently.hpp>
#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/hash_map.hpp>
#include <asyncdrop/lazy.hpp>
#include <asyncdrop/mutex.hpp>
#include <asyncdrop/result.hpp>
#include <asyncdrop/shared.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <asyncdrop/try_with_async_drop.hpp>
#include <asyncdrop/with_async_drop.hpp>

#include "tests/unit/asyncdrop/memory/exhaustion.hpp"

namespace {

using namespace exhaustion_test;
using asyncdrop::AsyncDropGuard;

INSTANTIATE_TEST_SUITE_P(WithAndWithoutCancellation, Exhaustion, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Shielded" : "Plain"; });

TEST_P(Exhaustion, OfAGuard) {
    expect_never_lost<AsyncDropGuard<Counted>>(
        [](Round& round) { return asyncdrop::make_guard<Counted>(round.first); });
}

TEST_P(Exhaustion, OfAGuardWhoseCleanupDoesNotSuspend) {
    expect_never_lost<AsyncDropGuard<Inline>>(
        [](Round& round) { return asyncdrop::make_guard<Inline>(round.first); });
}

TEST_P(Exhaustion, OfABox) {
    expect_never_lost<asyncdrop::AsyncDropBox<Counted>>(
        [](Round& round) { return asyncdrop::make_box<Counted>(round.first); });
}

TEST_P(Exhaustion, OfWhatAResultHolds) {
    using Owned = asyncdrop::AsyncDropResult<Counted>;
    expect_never_lost<AsyncDropGuard<Owned>>(
        [](Round& round) { return Owned::success(asyncdrop::make_guard<Counted>(round.first)); });
}

TEST_P(Exhaustion, OfAMutex) {
    using Mutex = asyncdrop::AsyncDropMutex<Counted>;
    expect_never_lost<AsyncDropGuard<Mutex>>(
        [](Round& round) { return Mutex::create(asyncdrop::make_guard<Counted>(round.first)); });
}

TEST_P(Exhaustion, OfAShared) {
    using Shared = asyncdrop::AsyncDropShared<Counted>;
    expect_never_lost<Shared>(
        [](Round& round) { return Shared::ready(asyncdrop::make_guard<Counted>(round.first)); });
}

TEST_P(Exhaustion, OfALazy) {
    using Lazy = asyncdrop::Lazy<Counted>;
    expect_never_lost<AsyncDropGuard<Lazy>>(
        [](Round& round) { return Lazy::initialized(asyncdrop::make_guard<Counted>(round.first)); });
}

TEST_P(Exhaustion, OfAHashMap) {
    using Map = asyncdrop::AsyncDropHashMap<int, Counted>;
    expect_never_lost<AsyncDropGuard<Map>>(
        [](Round& round) {
            auto map = Map::create();
            int key = 0;
            for (int* count : {&round.first, &round.second, &round.third}) {
                auto rejected = map->try_insert(key++, asyncdrop::make_guard<Counted>(*count));
                EXPECT_FALSE(static_cast<bool>(rejected));
            }
            return map;
        },
        [](Round& round) {
            EXPECT_EQ(round.second, 1);
            EXPECT_EQ(round.third, 1);
        });
}

TEST_P(Exhaustion, OfAGuardWhoseCleanupFails) {
    using State = One<AsyncDropGuard<Counted>>;
    for_every_allocation<State>(
        [](Round& round, State& state) -> asio::awaitable<void> {
            state.owner = asyncdrop::make_guard<Counted>(round.first, true);
            round.begin();
            co_await state.owner.async_drop();
        },
        [](Round& round, State& state, const std::exception_ptr& error) {
            if (state.owner) {
                EXPECT_TRUE(is_no_memory(error));
                EXPECT_EQ(drop_again(round, state.owner.async_drop()), "cleanup failed");
            } else {
                ASSERT_TRUE(error != nullptr);
                EXPECT_EQ(asyncdrop::detail::message_of(error), "cleanup failed");
            }
            EXPECT_EQ(round.first, 1);
        });
}

TEST_P(Exhaustion, OfATriedDrop) {
    struct State : One<asyncdrop::AsyncDropBox<Counted>> {
        asyncdrop::DropResult<std::exception_ptr> result;
    };
    for_every_allocation<State>(
        [](Round& round, State& state) -> asio::awaitable<void> {
            state.owner = asyncdrop::make_box<Counted>(round.first);
            round.begin();
            state.result = co_await state.owner.try_async_drop();
        },
        [](Round& round, State& state, std::exception_ptr error) {
            if (!error && state.result.has_error()) error = state.result.error();
            expect_not_lost(state.owner, round.first, error,
                            [&] { EXPECT_EQ(drop_again(round, state.owner.async_drop()), "no error"); });
        });
}

TEST_P(Exhaustion, OfTheLastArc) {
    struct State : One<asyncdrop::AsyncDropArc<Counted>> {
        asyncdrop::AsyncDropArc<Counted> other;
    };
    for_every_allocation<State>(
        [](Round& round, State& state) -> asio::awaitable<void> {
            state.owner = asyncdrop::AsyncDropArc<Counted>(asyncdrop::make_guard<Counted>(round.first));
            state.other = state.owner.clone();
            round.begin();
            std::exception_ptr first;
            try {
                co_await state.other.async_drop();
            } catch (...) {
                first = std::current_exception();
            }
            co_await state.owner.async_drop();
            if (first) std::rethrow_exception(first);
        },
        [](Round& round, State& state, const std::exception_ptr& error) {
            if (state.other) {
                EXPECT_TRUE(is_no_memory(error));
                EXPECT_EQ(drop_again(round, state.other.async_drop()), "no error");
            }
            expect_not_lost(state.owner, round.first, state.owner ? error : nullptr,
                            [&] { EXPECT_EQ(drop_again(round, state.owner.async_drop()), "no error"); });
        });
}

struct Nothing {};

TEST_P(Exhaustion, OfABracket) {
    for_every_allocation<Nothing>(
        [](Round& round, Nothing&) -> asio::awaitable<void> {
            const auto open = [&round] { return asyncdrop::make_guard<Counted>(round.first); };
            const auto use = [&round](Counted&) { round.begin(); };
            co_await asyncdrop::with_async_drop(open, use);
        },
        [](Round& round, Nothing&, const std::exception_ptr&) {
            EXPECT_EQ(round.first, 1);
            EXPECT_EQ(forgotten, 0);
        });
}

TEST_P(Exhaustion, OfTwoBrackets) {
    for_every_allocation<Nothing>(
        [](Round& round, Nothing&) -> asio::awaitable<void> {
            const auto open = [&round] { return asyncdrop::make_guard<Counted>(round.first, true); };
            const auto open_second = [&round] { return asyncdrop::make_guard<Counted>(round.second, true); };
            const auto use = [&round](Counted&, Counted&) { round.begin(); };
            co_await asyncdrop::with_async_drop(open, open_second, use);
        },
        [](Round& round, Nothing&, const std::exception_ptr& error) {
            EXPECT_EQ(round.first, 1);
            EXPECT_EQ(round.second, 1);
            EXPECT_EQ(forgotten, 0);
            EXPECT_TRUE(error != nullptr);
        });
}

TEST_P(Exhaustion, OfABracketOfResults) {
    for_every_allocation<Nothing>(
        [](Round& round, Nothing&) -> asio::awaitable<void> {
            const auto open = [&round] { return asyncdrop::make_guard<Counted>(round.first); };
            const auto use = [&round](Counted&) { round.begin(); };
            const auto result = co_await asyncdrop::try_with_async_drop(open, use);
            if (result.has_error()) std::rethrow_exception(result.error());
        },
        [](Round& round, Nothing&, const std::exception_ptr&) {
            EXPECT_EQ(round.first, 1);
            EXPECT_EQ(forgotten, 0);
        });
}

struct Two {
    AsyncDropGuard<Counted> a;
    AsyncDropGuard<Counted> b;
};

/// Of two failing cleanups both errors arrive, or one and a line about the other.
void expect_both_told(const std::exception_ptr& error) {
    ASSERT_TRUE(error != nullptr);
    try {
        std::rethrow_exception(error);
    } catch (const asyncdrop::AsyncDropError& both) {
        EXPECT_EQ(both.suppressed().size(), 1u);
    } catch (const CleanupFailed&) {
        EXPECT_EQ(printed, 1);
    } catch (const std::bad_alloc&) {  // the drop of both could not begin: see whether they are armed
    }
}

void expect_neither_lost(Round& round, Two& state, const std::exception_ptr& error,
                         const std::function<std::string(asio::awaitable<void>)>& drop_again) {
    expect_both_told(error);
    for (auto* guard : {&state.a, &state.b}) {
        if (!*guard) continue;
        EXPECT_EQ(drop_again(guard->async_drop()), "cleanup failed");
    }
    EXPECT_EQ(round.first, 1);
    EXPECT_EQ(round.second, 1);
    EXPECT_EQ(forgotten, 0);
}

TEST_P(Exhaustion, OfDropsInOrderThatFail) {
    for_every_allocation<Two>(
        [](Round& round, Two& state) -> asio::awaitable<void> {
            state.a = asyncdrop::make_guard<Counted>(round.first, true);
            state.b = asyncdrop::make_guard<Counted>(round.second, true);
            round.begin();
            co_await asyncdrop::drop_in_order(state.a, state.b);
        },
        [](Round& round, Two& state, const std::exception_ptr& error) {
            expect_neither_lost(round, state, error, [&](asio::awaitable<void> drop) {
                return drop_again(round, std::move(drop));
            });
        });
}

TEST_P(Exhaustion, OfConcurrentDropsThatFail) {
    for_every_allocation<Two>(
        [](Round& round, Two& state) -> asio::awaitable<void> {
            state.a = asyncdrop::make_guard<Counted>(round.first, true);
            state.b = asyncdrop::make_guard<Counted>(round.second, true);
            round.begin();
            co_await asyncdrop::drop_concurrently(state.a, state.b);
        },
        [](Round& round, Two& state, const std::exception_ptr& error) {
            expect_neither_lost(round, state, error, [&](asio::awaitable<void> drop) {
                return drop_again(round, std::move(drop));
            });
        });
}

TEST_P(Exhaustion, OfConcurrentDropsThatDoNotSuspend) {
    struct State {
        AsyncDropGuard<Inline> a;
        AsyncDropGuard<Inline> b;
    };
    for_every_allocation<State>(
        [](Round& round, State& state) -> asio::awaitable<void> {
            state.a = asyncdrop::make_guard<Inline>(round.first);
            state.b = asyncdrop::make_guard<Inline>(round.second);
            round.begin();
            co_await asyncdrop::drop_concurrently(state.a, state.b);
        },
        [](Round& round, State& state, const std::exception_ptr& error) {
            expect_not_lost(state.a, round.first, error,
                            [&] { EXPECT_EQ(drop_again(round, state.a.async_drop()), "no error"); });
            expect_not_lost(state.b, round.second, error,
                            [&] { EXPECT_EQ(drop_again(round, state.b.async_drop()), "no error"); });
        });
}

TEST_P(Exhaustion, OfAStack) {
    struct State {
        asyncdrop::AsyncDropStack stack;
    };
    for_every_allocation<State>(
        [](Round& round, State& state) -> asio::awaitable<void> {
            state.stack.own(asyncdrop::make_guard<Counted>(round.first));
            state.stack.defer([&round]() -> asio::awaitable<void> {
                ++round.second;
                co_return;
            });
            state.stack.own(asyncdrop::make_guard<Counted>(round.third));
            round.begin();
            co_await state.stack.async_drop();
        },
        [](Round& round, State& state, const std::exception_ptr& error) {
            if (!state.stack.is_dropped()) {
                EXPECT_TRUE(is_no_memory(error));
                EXPECT_EQ(drop_again(round, state.stack.async_drop()), "no error");
            }
            EXPECT_EQ(round.first, 1);
            EXPECT_EQ(round.second, 1);
            EXPECT_EQ(round.third, 1);
            EXPECT_EQ(forgotten, 0);
        });
}

TEST_P(Exhaustion, OfATeardownGraph) {
    struct State : One<AsyncDropGuard<asyncdrop::TeardownGraph>> {};
    for_every_allocation<State>(
        [](Round& round, State& state) -> asio::awaitable<void> {
            state.owner = asyncdrop::TeardownGraph::create();
            auto store = state.owner->add("store", asyncdrop::make_guard<Counted>(round.first));
            state.owner->add("cache", asyncdrop::make_guard<Counted>(round.second), asyncdrop::uses(store));
            round.begin();
            co_await state.owner.async_drop();
        },
        [](Round& round, State& state, const std::exception_ptr& error) {
            if (state.owner) {
                EXPECT_EQ(drop_again(round, state.owner.async_drop()), "no error");
            }
            // A node whose cleanup could not even be launched is given up, and what it uses kept: an error.
            if (round.first != 1 || round.second != 1) {
                EXPECT_TRUE(error != nullptr);
            }
            EXPECT_LE(round.first, round.second);  // nothing is dropped under its user
        });
}

}  // namespace
