// with_async_drop beside a coroutine with try and catch, with the same factory and the same body.
#include <asyncdrop/with_async_drop.hpp>

#include "by_hand.hpp"
#include "cases.hpp"

namespace asyncdrop_bench {
namespace {

constexpr Cleanup at_once = Cleanup::ends_at_once;
constexpr Cleanup turn = Cleanup::takes_a_turn;

/// The bodies of both sides.
struct Talk {
    template <class C>
    asio::awaitable<void> operator()(C& connection) const {
        connection.say("hello");
        co_return;
    }
};
struct TalkPlainly {
    template <class C>
    void operator()(C& connection) const {
        connection.say("hello");
    }
};

template <Cleanup cleanup, class Body>
asio::awaitable<void> bracket(benchmark::State& state) {
    Wire wire;
    const auto open = [&wire] { return connect<cleanup>(wire); };
    const Body body;
    for (auto _ : state) co_await asyncdrop::with_async_drop(open, body);
    benchmark::DoNotOptimize(wire);
}

template <Cleanup cleanup, class Body, class Close>
asio::awaitable<void> by_hand(benchmark::State& state) {
    Wire wire;
    const auto open = [&wire] { return HandConnection<cleanup>(wire); };
    const Body body;
    for (auto _ : state) co_await try_and_catch<Close>(open, body);
    benchmark::DoNotOptimize(wire);
}

const Case bracket_at_once("bracket, cleanup ends at once", 1.2, bracket<at_once, Talk>,
                           by_hand<at_once, Talk, Plain>);
const Case bracket_turn("bracket, cleanup takes a turn", 1.2, bracket<turn, Talk>,
                        by_hand<turn, Talk, Plain>);
const Case bracket_plain("bracket, plain body, cleanup ends at once", 1.2, bracket<at_once, TalkPlainly>,
                         by_hand<at_once, TalkPlainly, Plain>);
const Case bracket_shield("bracket, shielded from a connected slot", 1.2, bracket<at_once, Talk>,
                          by_hand<at_once, Talk, Shielded>, Slot::connected);

}  // namespace
}  // namespace asyncdrop_bench
