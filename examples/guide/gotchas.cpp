// The gotchas of docs/asyncdrop/gotchas.md: each mistake is made in a process of its own and what the library
// says is printed, for the page to quote; each right way is run and checked.
#include <asyncdrop/testing/sync_drop.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <variant>

#include "examples/guide/example.hpp"

namespace guide {

// [snippet: run_cancellable]
/// Runs a coroutine that a signal can cancel, and returns its error.
std::exception_ptr run_cancellable(asio::awaitable<void> (*coroutine)(asio::cancellation_signal&)) {
    asio::io_context context(1);
    asyncdrop::install(context);
    asio::cancellation_signal signal;  // younger than the context: it dies first
    std::exception_ptr failure;
    auto ended = [&](std::exception_ptr error) {
        failure = error;
        signal.slot().clear();  // nothing of the coroutine stays behind in the signal
    };
    asio::co_spawn(context, coroutine(signal), asio::bind_cancellation_slot(signal.slot(), ended));
    context.run();  // to the end: no coroutine is left when the signal dies
    return failure;
}

/// A request from outside of the coroutine (a GUI, a signal handler, another thread) is emitted on its executor.
void request_stop(asio::io_context& context, asio::cancellation_signal& signal) {
    asio::post(context, [&signal] { signal.emit(asio::cancellation_type::terminal); });
}
// [end]

/// run_cancellable() for a coroutine that is stopped from outside.
std::exception_ptr stop_from_outside(asio::awaitable<void> coroutine) {
    asio::io_context context(1);
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    auto ended = [&](std::exception_ptr error) {
        failure = error;
        signal.slot().clear();
    };
    asio::co_spawn(context, std::move(coroutine), asio::bind_cancellation_slot(signal.slot(), ended));
    context.poll();
    request_stop(context, signal);
    context.run();
    return failure;
}

/// Prints what a mistake in a cancelled coroutine makes the library say.
void capture_cancelled(std::string_view name, asio::awaitable<void> (*mistake)(asio::cancellation_signal&)) {
    const std::string text = messages_of([mistake] { expect(run_cancellable(mistake) != nullptr); });
    print_section(name, text);
}

asio::awaitable<void> wait_or_stop() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
}

// ---------------------------------------------------------------- 1

// [snippet: gotcha_1]
asio::awaitable<void> forgotten() {
    auto connection = co_await Connection::open("db");
    co_await connection->query("hello");
}
// [end]

// ---------------------------------------------------------------- 2

// [snippet: gotcha_2]
asio::awaitable<std::string> early_return(bool cached) {
    auto connection = co_await Connection::open("db");
    if (cached) co_return "from the cache";                    // not dropped
    std::string answer = co_await connection->query("hello");  // throws? not dropped either
    co_await connection.async_drop();
    co_return answer;
}
// [end]

// [snippet: gotcha_2_right]
asio::awaitable<std::string> every_way_out(bool cached) {
    auto open = [] { return Connection::open("db"); };
    auto use = [cached](Connection& connection) -> asio::awaitable<std::string> {
        if (cached) co_return "from the cache";
        std::string answer = co_await connection.query("hello");
        co_return answer;
    };
    std::string answer = co_await asyncdrop::with_async_drop(open, use);
    co_return answer;
}
// [end]

asio::awaitable<void> early_return_mistake() {
    const std::string answer = co_await early_return(true);
    expect(answer == "from the cache");
}

asio::awaitable<void> every_way_out_works() {
    const std::string cached = co_await every_way_out(true);
    const std::string fresh = co_await every_way_out(false);
    expect(cached == "from the cache" && fresh == "answer to hello");
}

// ---------------------------------------------------------------- 4 and 5

// [snippet: gotcha_4]
class Container {
  public:
    Container(Passkey<Container>, AsyncDropGuard<Connection> inner) : inner_(std::move(inner)) {}
    asio::awaitable<void> async_drop_impl() { co_return; }  // forgets inner_

  private:
    AsyncDropGuard<Connection> inner_;
};
// [end]

asio::awaitable<void> forgotten_member() {
    auto inner = co_await Connection::open("db");
    auto container = asyncdrop::make_guard<Container>(std::move(inner));
    co_await container.async_drop();
}

// [snippet: gotcha_5]
class Wrapper {
  public:
    Wrapper(Passkey<Wrapper>, AsyncDropGuard<Connection> inner) : inner_(std::move(inner)) {}

    static void consume(AsyncDropGuard<Wrapper>& guard) {
        Wrapper self = std::move(guard).unsafe_into_inner_dont_drop(asyncdrop::UnwrapKey<Wrapper>());
        // Who cleans self.inner_ up?
    }

    asio::awaitable<void> async_drop_impl() { return inner_.async_drop(); }

  private:
    AsyncDropGuard<Connection> inner_;
};
// [end]

asio::awaitable<void> unwrapped() {
    auto inner = co_await Connection::open("db");
    auto wrapper = asyncdrop::make_guard<Wrapper>(std::move(inner));
    Wrapper::consume(wrapper);
}

// ---------------------------------------------------------------- 6

// [snippet: gotcha_6]
asio::awaitable<void> blocking() {
    auto connection = co_await Connection::open("db");
    const auto executor = co_await asio::this_coro::executor;
    asyncdrop::testing::SyncDrop sync(std::move(connection), executor);
}  // would block the thread that has to run the cleanup
// [end]

// ---------------------------------------------------------------- 7

// [snippet: gotcha_7]
class Cache {
  public:
    Cache(Passkey<Cache>, AsyncDropGuard<Connection>& database) : database_(&database) {}
    Cache(Cache&&) noexcept = default;
    asio::awaitable<void> async_drop_impl() { co_await (*database_)->query("flush"); }

  private:
    AsyncDropGuard<Connection>* database_;
};

asio::awaitable<void> wrong_order() {
    auto database = co_await Connection::open("db");
    auto cache = asyncdrop::make_guard<Cache>(database);
    co_await asyncdrop::drop_in_order(database, cache);  // the cache comes too late
}
// [end]

// [snippet: gotcha_7_right]
asio::awaitable<void> right_order() {
    auto database = co_await Connection::open("db");
    auto cache = asyncdrop::make_guard<Cache>(database);
    co_await asyncdrop::drop_in_order(cache, database);  // users first
}
// [end]

// ---------------------------------------------------------------- 8

// [snippet: gotcha_8]
asio::awaitable<void> exception_on_the_way() {
    auto connection = co_await Connection::open("db");
    throw std::runtime_error("a step in between failed");
    co_await connection.async_drop();
}
// [end]

// [snippet: gotcha_8_tests]
void be_strict_in_tests() {
    asyncdrop::set_forgotten_action(asyncdrop::ForgottenReason::unwinding, asyncdrop::ForgottenAction::abort);
}
// [end]

// ---------------------------------------------------------------- 9

// [snippet: gotcha_9]
asio::awaitable<void> twice() {
    auto connection = co_await Connection::open("db");
    co_await connection.async_drop();
    co_await connection.async_drop();  // succeeds, does nothing
    expect(connection.is_dropped());
}
// [end]

// [snippet: gotcha_9_use]
asio::awaitable<void> use_after_drop() {
    auto connection = co_await Connection::open("db");
    co_await connection.async_drop();
    co_await connection->query("still there?");
}
// [end]

// ---------------------------------------------------------------- 10

// [snippet: gotcha_10]
asio::awaitable<void> loop() {
    for (int round = 0; round < 3; ++round) {
        auto connection = co_await Connection::open("db");
        co_await connection->query("hello");
    }  // each round forgets one
}
// [end]

// [snippet: gotcha_10_right]
asio::awaitable<void> right_loop() {
    auto open = [] { return Connection::open("db"); };
    auto use = [](Connection& connection) { return connection.query("hello"); };
    for (int round = 0; round < 3; ++round) co_await asyncdrop::with_async_drop(open, use);
}
// [end]

// [snippet: gotcha_10_overwrite]
asio::awaitable<void> overwrite() {
    auto connection = co_await Connection::open("first");
    connection = co_await Connection::open("second");  // the first one was not dropped
    co_await connection.async_drop();
}
// [end]

// ---------------------------------------------------------------- C++: moved-from guards

// [snippet: moved_from]
asio::awaitable<void> use_after_move() {
    auto connection = co_await Connection::open("db");
    auto other = std::move(connection);
    co_await connection->query("who is there?");
    co_await other.async_drop();
}
// [end]

// ---------------------------------------------------------------- C++: cancellation

// [snippet: cancelled]
asio::awaitable<void> cancelled(asio::cancellation_signal& shutdown) {
    auto connection = co_await Connection::open("db");
    shutdown.emit(asio::cancellation_type::terminal);  // somebody wants this coroutine to stop
    co_await connection.async_drop();                  // throws before the cleanup begins
}
// [end]

// [snippet: cancelled_by_hand]
asio::awaitable<void> cancelled_by_hand(asio::cancellation_signal& shutdown) {
    auto connection = co_await Connection::open("db");
    shutdown.emit(asio::cancellation_type::terminal);
    co_await asyncdrop::even_if_cancelled;  // never refused, and lets the next await through
    co_await connection.async_drop();       // runs to its end; the await after it throws again
    co_await round_trip();
}
// [end]

// [snippet: cancelled_bracket]
asio::awaitable<void> cancelled_bracket(asio::cancellation_signal& shutdown) {
    auto open = [] { return Connection::open("db"); };
    auto use = [&shutdown](Connection&) -> asio::awaitable<void> {
        shutdown.emit(asio::cancellation_type::terminal);
        co_await round_trip();  // throws: the body sees the cancellation
    };
    co_await asyncdrop::with_async_drop(open, use);  // the cleanup does not
}
// [end]

// [snippet: by_value]
asio::awaitable<void> consume(AsyncDropGuard<Connection> connection) {
    co_await asyncdrop::even_if_cancelled;
    co_await connection.async_drop();
}

asio::awaitable<void> by_value(asio::cancellation_signal& shutdown) {
    auto connection = co_await Connection::open("db");
    shutdown.emit(asio::cancellation_type::terminal);
    co_await consume(std::move(connection));  // never starts; its parameter dies
}
// [end]

// [snippet: by_value_right]
asio::awaitable<void> by_value_right(asio::cancellation_signal& shutdown) {
    auto connection = co_await Connection::open("db");
    shutdown.emit(asio::cancellation_type::terminal);
    co_await asyncdrop::even_if_cancelled;  // hand over whatever happens
    co_await consume(std::move(connection));
}
// [end]

// ---------------------------------------------------------------- C++: operator||

// [snippet: race]
asio::awaitable<void> race() {
    using namespace asio::experimental::awaitable_operators;
    auto primary = Connection::open("primary");
    auto replica = Connection::open("replica");
    auto both = std::move(primary) || std::move(replica);
    auto winner = co_await std::move(both);  // the loser's guard is thrown away
    co_await std::get<0>(winner).async_drop();
}
// [end]

// [snippet: both]
asio::awaitable<AsyncDropGuard<Connection>> open_slowly(std::string_view name) {
    co_await round_trip();
    auto connection = co_await Connection::open(name);
    co_return connection;
}

asio::awaitable<void> open_both() {
    using namespace asio::experimental::awaitable_operators;
    auto primary = Connection::open("primary");
    auto replica = open_slowly("unreachable");
    auto together = std::move(primary) && std::move(replica);
    auto [first, second] = co_await std::move(together);  // throws; the guard that was opened is thrown away
    co_await asyncdrop::drop_in_order(first, second);
}
// [end]

// [snippet: race_right]
asio::awaitable<std::string> ask(std::string_view server) {
    auto open = [server] { return Connection::open(server); };
    auto use = [](Connection& connection) { return connection.query("hello"); };
    std::string answer = co_await asyncdrop::with_async_drop(open, use);
    co_return answer;
}

asio::awaitable<void> race_right() {
    using namespace asio::experimental::awaitable_operators;
    auto primary = ask("primary");  // each branch opens and closes its own
    auto replica = ask("replica");
    auto both = std::move(primary) || std::move(replica);
    const std::variant<std::string, std::string> winner = co_await std::move(both);
    note(winner.index() == 0 ? "primary won" : "replica won");
}
// [end]

// ---------------------------------------------------------------- C++: destroyed under its own cleanup

// [snippet: destroyed]
void close_in_background(AsyncDropGuard<Connection> connection, const asio::any_io_executor& executor) {
    connection.async_drop(executor, asio::detached);
}  // the cleanup has begun, and now its guard dies

asio::awaitable<void> destroyed() {
    const auto executor = co_await asio::this_coro::executor;
    auto connection = co_await Connection::open("db");
    close_in_background(std::move(connection), executor);
}
// [end]

// [snippet: destroyed_right]
asio::awaitable<void> drop_and_end(AsyncDropGuard<Connection> connection) {
    co_await connection.async_drop();  // the guard lives in this coroutine until its cleanup has ended
}

asio::awaitable<void> destroyed_right() {
    const auto executor = co_await asio::this_coro::executor;
    auto connection = co_await Connection::open("db");
    asio::co_spawn(executor, drop_and_end(std::move(connection)), asio::detached);
}
// [end]

// ---------------------------------------------------------------- C++: contexts that die

// [snippet: context]
asio::awaitable<void> wait_for_ever() {
    auto connection = co_await Connection::open("db");
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
    co_await connection.async_drop();
}

void destroy_context() {
    asio::io_context context(1);
    asyncdrop::install(context);  // first thing after the context
    asio::co_spawn(context, wait_for_ever(), asio::detached);
    context.poll();
}  // the context dies, and with it the suspended coroutine and its guard
// [end]

void destroy_context_without_install() {
    asio::io_context context(1);
    asio::co_spawn(context, wait_for_ever(), asio::detached);
    context.poll();
}

// [snippet: context_cleanup]
class Slow {
  public:
    asio::awaitable<void> async_drop_impl() {
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, asio::steady_timer::time_point::max());
        co_await timer.async_wait(asio::use_awaitable);
    }
};

asio::awaitable<void> drop_slowly() {
    auto slow = asyncdrop::make_guard<Slow>();
    co_await slow.async_drop();
}

void destroy_context_during_cleanup() {
    asio::io_context context(1);
    asyncdrop::install(context);
    asio::co_spawn(context, drop_slowly(), asio::detached);
    context.poll();
}
// [end]

// ---------------------------------------------------------------- C++: compiler traps

// [snippet: traps]
asio::awaitable<void> the_safe_way(std::string text, bool ask_first) {
    // A named lambda, not one inside the co_await expression.
    auto open = [text] { return Connection::open(text == "x" ? "x" : "db"); };
    auto use = [text](Connection& connection) { return connection.query("hello"); };

    // if / else, not `c ? co_await a() : b`.
    std::string answer = "nothing";
    if (ask_first) answer = co_await asyncdrop::with_async_drop(open, use);

    // A named local for what is awaited, not `if (co_await f() == "x")`.
    const bool answered = answer != "nothing";
    expect(answered == ask_first);

    // Named locals, not `Pair{co_await a(), co_await b()}`, and no temporaries as arguments.
    const std::string question = "how are you, " + text;
    const std::string other = co_await asyncdrop::with_async_drop(open, use);
    std::pair<std::string, std::string> answers(answer, other);
    expect(answers.first == answers.second || !ask_first);
}
// [end]

void run_all() {
    capture("gotcha_1", forgotten);
    capture("gotcha_2", early_return_mistake);
    run(every_way_out_works());
    expect_events({"open db", "close db", "open db", "close db"});
    capture("gotcha_4", forgotten_member);
    capture("gotcha_5", unwrapped);
    capture("gotcha_6", blocking);
    capture("gotcha_7", wrong_order);
    run(right_order());
    expect_events({"open db", "close db"});
    const auto fail = [](asio::awaitable<void> (*mistake)()) {
        return messages_of([mistake] { expect(failure_of(mistake()) == "a step in between failed"); });
    };
    print_section("gotcha_8", fail(exception_on_the_way));
    const std::string strict = messages_of([] {
        be_strict_in_tests();
        run(exception_on_the_way());
    });
    print_section("gotcha_8_tests", strict);
    run(twice());
    expect_events({"open db", "close db"});
    capture("gotcha_9", use_after_drop);
    capture("gotcha_10", loop);
    run(right_loop());
    expect(events.size() == 6);
    events.clear();
    capture("gotcha_10_overwrite", overwrite);

    capture("moved_from", use_after_move);
    capture_cancelled("cancelled", cancelled);
    expect(stop_from_outside(wait_or_stop()) != nullptr);
    expect(run_cancellable(cancelled_by_hand) != nullptr);
    expect_events({"open db", "close db"});
    expect(run_cancellable(cancelled_bracket) != nullptr);
    expect_events({"open db", "close db"});
    capture_cancelled("by_value", by_value);
    expect(run_cancellable(by_value_right) == nullptr);
    expect_events({"open db", "close db"});
    capture("race", race);
    print_section("both", messages_of([] { expect(failure_of(open_both()) == "cannot reach the server"); }));
    capture("destroyed", destroyed);
    run(destroyed_right());
    expect_events({"open db", "close db"});
    run(race_right());
    expect(events.back() == "primary won");
    events.clear();
    print_section("context", messages_of(destroy_context));
    print_section("context_without_install", messages_of(destroy_context_without_install));
    print_section("context_cleanup", messages_of(destroy_context_during_cleanup));
    run(the_safe_way("world", true));
    run(the_safe_way("world", false));
    events.clear();
}

}  // namespace guide

int main() {
    guide::run_all();
}
