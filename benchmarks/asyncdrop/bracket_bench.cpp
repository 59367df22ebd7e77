// with_async_drop beside a coroutine with try and catch, with the same factory and the same body.
#include <asyncdrop/with_async_drop.hpp>

#include "by_hand.hpp"
#include "cases.hpp"

namespace asyncdrop_bench {
namespace {

constexpr Cleanup at_once = Cleanup::ends_at_once;
constexpr Cleanup turn = Cleanup::takes_a_turn;

/// The bodies of both sides.
template <class C>
asio::awaitable<void> talk(C& connection) {
    connection.say("hello");
    co_return;
}
template <class C>
void talk_plainly(C& connection) {
    connection.say("hello");
}

template <Cleanup cleanup>
asio::awaitable<void> bracket(benchmark::State& state) {
    Wire wire;
    const auto open = [&wire] { return connect<cleanup>(wire); };
    const auto body = [](Connection<cleanup>& connection) { return talk(connection); };
    for (auto _ : state) co_await asyncdrop::with_async_drop(open, body);
    benchmark::DoNotOptimize(wire);
}

template <Cleanup cleanup>
asio::awaitable<void> bracket_plain_body(benchmark::State& state) {
    Wire wire;
    const auto open = [&wire] { return connect<cleanup>(wire); };
    const auto body = [](Connection<cleanup>& connection) { talk_plainly(connection); };
    for (auto _ : state) co_await asyncdrop::with_async_drop(open, body);
    benchmark::DoNotOptimize(wire);
}

template <Cleanup cleanup>
asio::awaitable<void> by_hand(benchmark::State& state) {
    using Hand = HandConnection<cleanup>;
    Wire wire;
    const auto open = [&wire] { return Hand(wire); };
    const auto body = [](Hand& connection) { return talk(connection); };
    for (auto _ : state) co_await try_and_catch<Plain>(open, body);
    benchmark::DoNotOptimize(wire);
}

template <Cleanup cleanup>
asio::awaitable<void> by_hand_plain_body(benchmark::State& state) {
    using Hand = HandConnection<cleanup>;
    Wire wire;
    const auto open = [&wire] { return Hand(wire); };
    const auto body = [](Hand& connection) { talk_plainly(connection); };
    for (auto _ : state) co_await try_and_catch<Plain>(open, body);
    benchmark::DoNotOptimize(wire);
}

const Case bracket_at_once("bracket, cleanup ends at once", 1.2, bracket<at_once>, by_hand<at_once>);
const Case bracket_turn("bracket, cleanup takes a turn", 1.2, bracket<turn>, by_hand<turn>);
const Case bracket_plain("bracket, plain body, cleanup ends at once", 1.2, bracket_plain_body<at_once>,
                         by_hand_plain_body<at_once>);
asio::awaitable<void> by_hand_shielded(benchmark::State& state) {
    using Hand = HandConnection<at_once>;
    Wire wire;
    const auto open = [&wire] { return Hand(wire); };
    const auto body = [](Hand& connection) { return talk(connection); };
    for (auto _ : state) co_await try_and_catch<Shielded>(open, body);
    benchmark::DoNotOptimize(wire);
}

const Case bracket_shield("bracket, shielded from a connected slot", 0, bracket<at_once>, by_hand_shielded,
                          Slot::connected);

}  // namespace
}  // namespace asyncdrop_bench
