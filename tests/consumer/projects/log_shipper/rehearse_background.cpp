#include "rehearse_background.hpp"

#include <asyncdrop/drop_deadline.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/gate.hpp>
#include <asyncdrop/occupant.hpp>
#include <asyncdrop/scope.hpp>
#include <asyncdrop/shared_map.hpp>
#include <asyncdrop/task.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "expect.hpp"
#include "session.hpp"

namespace log_shipper {

namespace {

namespace asio = boost::asio;
using asyncdrop::AsyncDropGate;
using asyncdrop::AsyncDropScope;
using asyncdrop::AsyncDropTask;

asio::awaitable<void> take_turns(int turns) {
    const auto executor = co_await asio::this_coro::executor;
    for (int turn = 0; turn < turns; ++turn) co_await asio::post(executor, asio::use_awaitable);
}

asio::awaitable<void> ship_batch(AsyncDropGate& in_flight, int number, int& shipped) {
    const auto pass = in_flight.enter("batch " + std::to_string(number));
    co_await take_turns(number);
    if (number == 2) throw std::runtime_error("batch 2 was rejected");
    ++shipped;
}

// Three batches in a scope; the gate drains them first, the scope tells which one failed.
asio::awaitable<void> batches() {
    const auto executor = co_await asio::this_coro::executor;
    int shipped = 0;
    auto open_scope = [executor] { return AsyncDropScope::create(executor); };
    auto open_gate = [] { return AsyncDropGate::create(); };
    auto use = [&shipped](AsyncDropScope& scope, AsyncDropGate& gate) -> asio::awaitable<void> {
        for (int number = 1; number <= 3; ++number) scope.spawn("ship", ship_batch(gate, number, shipped));
        co_await take_turns(1);
        const std::vector<asyncdrop::Occupant> inside = gate.occupants();
        expect(inside.size() == 3 && inside[0].name == "batch 1", "the gate knows who is inside");
    };
    bool failed = false;
    try {
        co_await asyncdrop::with_async_drop(open_scope, open_gate, use);
    } catch (const std::runtime_error& error) {
        failed = std::string(error.what()) == "batch 2 was rejected";
    }
    expect(failed && shipped == 2, "the error of a task comes out, and the others have come to their end");
}

asio::awaitable<void> count_beats(asyncdrop::TaskControl& control, int& beats) {
    do {  // also if the drop came before the body began
        co_await control.wait_for(std::chrono::hours(1));
        ++beats;
    } while (!control.stopping());
}

asio::awaitable<void> heartbeat() {
    const auto executor = co_await asio::this_coro::executor;
    int beats = 0;
    auto start = [executor, &beats] {
        return AsyncDropTask::start(executor, "heartbeat", [&beats](asyncdrop::TaskControl& control) {
            return count_beats(control, beats);
        });
    };
    auto wake = [](AsyncDropTask& task) { task.wake(); };
    co_await asyncdrop::with_async_drop(start, wake);
    expect(beats >= 1, "the task was woken or asked to stop, and not left to its hour");
}

asio::awaitable<void> never() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
}

// The drop of a scope within a deadline: its task comes to no end by itself, so it is asked to.
asio::awaitable<void> cut_short() {
    const auto executor = co_await asio::this_coro::executor;
    auto scope = AsyncDropScope::create(executor);
    scope->spawn("never", never());
    co_await asyncdrop::async_drop_for(scope, std::chrono::milliseconds(1));
    expect(scope.is_dropped(), "the task was cancelled, which is no error");
}

asio::awaitable<int> answer() {
    co_await take_turns(1);
    co_return 42;
}

// The same in a bracket, which has waited for another task's result before.
asio::awaitable<void> cut_short_after_body() {
    const auto executor = co_await asio::this_coro::executor;
    auto open = [executor] { return AsyncDropScope::create(executor); };
    auto use = [](AsyncDropScope& scope) -> asio::awaitable<int> {
        scope.spawn("never", never());
        asio::awaitable<int> answering = scope.spawn("answer", answer(), asio::use_awaitable);
        const int got = co_await std::move(answering);
        co_return got;
    };
    const auto deadline = asyncdrop::drop_deadline(std::chrono::milliseconds(1));
    const int got = co_await asyncdrop::with_async_drop(open, use, deadline);
    expect(got == 42, "the body's result comes out of a bracket whose drop has a deadline");
}

// Two users of one key share what was made once; the last one's drop closes it.
asio::awaitable<void> shared_by_key() {
    using Sessions = asyncdrop::AsyncDropSharedMap<std::string, Session>;
    auto sessions = Sessions::create([](const std::string&) { return Session::open(); });
    auto first = co_await sessions->get("uplink");
    auto second = co_await sessions->get("uplink");
    expect(Session::count() == 1 && &*first == &*second, "one session for both");
    co_await first.async_drop();
    expect(Session::count() == 1, "it stays open for the second user");
    co_await second.async_drop();
    expect(Session::count() == 0 && sessions->size() == 0, "and goes with it");
    co_await sessions.async_drop();
}

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
        return std::hash<std::string_view>()(text);
    }
};

// What nobody uses stays for the next one, who may ask by another type than the key's; the map closes it.
asio::awaitable<void> kept_by_key() {
    using Sessions = asyncdrop::AsyncDropSharedMap<std::string, Session, TextHash, std::equal_to<>>;
    auto open = [](const std::string&) { return Session::open(); };
    auto sessions = Sessions::create(open, asyncdrop::WhenUnused::keep);
    const std::string_view key = "uplink";
    auto first = co_await sessions->get(key);
    const Session* const opened = &*first;
    co_await first.async_drop();
    auto next = co_await sessions->get(key);
    expect(Session::count() == 1 && &*next == opened, "the session was kept");
    co_await next.async_drop();
    co_await sessions.async_drop();
    expect(Session::count() == 0, "and closed with the map");
}

asio::awaitable<void> all() {
    co_await shared_by_key();
    co_await kept_by_key();
    co_await cut_short();
    co_await cut_short_after_body();
    co_await batches();
    co_await heartbeat();
}

}  // namespace

void rehearse_background() {
    asio::io_context context(1);
    std::exception_ptr error;
    asio::co_spawn(context, all(), [&error](std::exception_ptr thrown) { error = std::move(thrown); });
    context.run();
    if (error) std::rethrow_exception(error);
}

}  // namespace log_shipper
