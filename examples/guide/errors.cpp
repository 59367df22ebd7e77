// The rules of docs/asyncdrop/errors-and-cancellation.md, run and checked.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <future>

#include "examples/guide/example.hpp"

namespace guide {

// ---------------------------------------------------------------- which error wins

// [snippet: one]
asio::awaitable<void> only_the_body_fails() {
    auto open = [] { return Connection::open("db"); };
    auto use = [](Connection& connection) { return connection.query("nonsense"); };
    co_await asyncdrop::with_async_drop(open, use);  // throws the body's error as it is
}

asio::awaitable<void> only_the_cleanup_fails() {
    auto open = [] { return Connection::open("flaky"); };
    auto use = [](Connection& connection) { return connection.query("hello"); };
    co_await asyncdrop::with_async_drop(open, use);  // throws the cleanup's error as it is
}
// [end]

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    }
}

// [snippet: several]
asio::awaitable<void> both_fail() {
    auto open = [] { return Connection::open("flaky"); };
    auto use = [](Connection& connection) { return connection.query("nonsense"); };
    try {
        co_await asyncdrop::with_async_drop(open, use);
    } catch (const asyncdrop::AsyncDropError& error) {
        note("primary: " + text_of(error.primary()));  // the body's
        for (const asyncdrop::SuppressedError& other : error.suppressed()) {
            note("suppressed: " + other.resource + ": " + text_of(other.error));
        }
        note(error.what());
    }
}
// [end]

// ---------------------------------------------------------------- results instead of exceptions

// [snippet: result]
enum class CloseError { lost, never_opened };

class Session {
  public:
    explicit Session(Passkey<Session>) {}
    Session(Session&&) noexcept = default;
    asio::awaitable<boost::system::result<void, CloseError>> async_drop_impl() {
        co_await round_trip();
        co_return CloseError::lost;
    }
};
// [end]

// [snippet: result_thrown]
asio::awaitable<void> drop_a_session() {
    auto session = asyncdrop::make_guard<Session>();
    try {
        co_await session.async_drop();
    } catch (CloseError error) {  // the value itself; a boost error code would become a system_error
        expect(error == CloseError::lost);
        note("lost");
    }
}
// [end]

// [snippet: try_drop]
asio::awaitable<void> try_drop_a_session() {
    auto session = asyncdrop::make_guard<Session>();
    const asyncdrop::DropResult<CloseError> dropped = co_await session.try_async_drop();
    expect(dropped.has_error() && dropped.error() == CloseError::lost);  // nothing was thrown
}
// [end]

// [snippet: try_bracket]
using boost::system::result;

asio::awaitable<result<int, CloseError>> count_sessions(bool succeed) {
    auto open = [] { return asyncdrop::make_guard<Session>(); };
    auto use = [succeed](Session&) -> result<int, CloseError> {
        if (!succeed) return CloseError::never_opened;
        return 7;
    };
    auto second_error = asyncdrop::on_suppressed([](CloseError) { note("and the goodbye was lost"); });
    result<int, CloseError> count = co_await asyncdrop::try_with_async_drop(open, use, second_error);
    co_return count;
}
// [end]

asio::awaitable<void> use_results() {
    const result<int, CloseError> lost = co_await count_sessions(true);
    expect(lost.has_error() && lost.error() == CloseError::lost);
    const result<int, CloseError> never = co_await count_sessions(false);
    expect(never.has_error() && never.error() == CloseError::never_opened);
}

// ---------------------------------------------------------------- cancellation

// [snippet: shield]
class Journal {
  public:
    Journal(Passkey<Journal>, asio::cancellation_signal& shutdown) : shutdown_(&shutdown) {}
    Journal(Journal&&) noexcept = default;
    asio::awaitable<void> async_drop_impl() {
        shutdown_->emit(asio::cancellation_type::terminal);  // during the cleanup, of all moments
        co_await round_trip();                               // goes on all the same
        note("journal flushed");
    }

  private:
    asio::cancellation_signal* shutdown_;
};

asio::awaitable<void> shielded(asio::cancellation_signal& shutdown) {
    auto open = [&shutdown] { return asyncdrop::make_guard<Journal>(shutdown); };
    auto use = [](Journal&) { note("in use"); };
    co_await asyncdrop::with_async_drop(open, use);

    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    note(state.cancelled() == asio::cancellation_type::none ? "not cancelled" : "cancelled");
    co_await round_trip();  // only now the cancellation is delivered: throws
    note("never here");
}
// [end]

void run_shielded() {
    asio::io_context context(1);
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    auto ended = [&](std::exception_ptr error) {
        failure = error;
        signal.slot().clear();
    };
    asio::co_spawn(context, shielded(signal), asio::bind_cancellation_slot(signal.slot(), ended));
    context.run();
    expect(failure != nullptr);
    expect_events({"in use", "journal flushed", "cancelled"});
}

// ---------------------------------------------------------------- tokens and executors

asio::awaitable<void> keep_open(AsyncDropGuard<Connection>& place, std::string_view name) {
    place = co_await Connection::open(name);
}

// [snippet: tokens]
void drop_with_tokens(AsyncDropGuard<Connection>& a, AsyncDropGuard<Connection>& b, asio::thread_pool& pool) {
    // A callback, on an executor that is given.
    std::promise<void> called;
    a.async_drop(pool.get_executor(), [&called](std::exception_ptr) { called.set_value(); });
    called.get_future().wait();

    // Any token that carries its executor.
    std::future<void> future = b.async_drop(asio::bind_executor(pool, asio::use_future));
    future.get();  // throws what the cleanup threw
}
// [end]

void run_tokens() {
    AsyncDropGuard<Connection> a, b;
    run(keep_open(a, "a"));
    run(keep_open(b, "b"));
    asio::thread_pool pool(1);
    drop_with_tokens(a, b, pool);
    pool.join();
    expect_events({"open a", "open b", "close a", "close b"});
}

// [snippet: token_cancel]
void take_a_drop_back(AsyncDropGuard<Connection>& connection, asio::io_context& context) {
    asio::cancellation_signal signal;
    auto done = [](std::exception_ptr error) { note(error ? text_of(error) : "dropped"); };
    connection.async_drop(context.get_executor(), asio::bind_cancellation_slot(signal.slot(), done));
    signal.emit(asio::cancellation_type::total);  // it has not started: the guard stays armed
    context.run();
    expect(static_cast<bool>(connection));
}
// [end]

void run_token_cancel() {
    AsyncDropGuard<Connection> connection;
    run(keep_open(connection, "db"));
    asio::io_context context(1);
    take_a_drop_back(connection, context);
    expect(events.size() == 2 && events.back() != "dropped");
    events.clear();
    connection.async_drop(context.get_executor(), [](std::exception_ptr) {});
    context.restart();
    context.run();
    expect_events({"close db"});
}

// [snippet: executors]
using Executor = asio::io_context::executor_type;  // instead of any_io_executor

asio::awaitable<std::string, Executor> answer_of(Connection& connection) {
    std::string answer = co_await asyncdrop::bridge_to<Executor>(connection.query("hello"));
    co_return answer;
}

asio::awaitable<void, Executor> on_a_typed_executor() {
    auto connection = co_await asyncdrop::bridge_to<Executor>(Connection::open("db"));
    std::string answer = co_await asyncdrop::with_async_drop(connection, answer_of);
    expect(answer == "answer to hello");

    auto other = co_await asyncdrop::bridge_to<Executor>(Connection::open("other"));
    co_await other.async_drop(asio::use_awaitable_t<Executor>());
}
// [end]

void run_executors() {
    asio::io_context context(1);
    std::exception_ptr failure;
    asio::co_spawn(context, on_a_typed_executor(), [&](std::exception_ptr error) { failure = error; });
    context.run();
    expect(!failure);
    expect_events({"open db", "close db", "open other", "close other"});
}

// ---------------------------------------------------------------- the handler

// [snippet: handler]
void log_forgotten(const asyncdrop::ForgottenDrop& drop) noexcept {
    note(std::string(drop.type) + ": " + std::string(to_string(drop.reason)));
}

asio::awaitable<void> forget() {
    auto connection = co_await Connection::open("db");
}

void with_a_handler_of_our_own() {
    const auto former = asyncdrop::set_forgotten_handler(&log_forgotten);
    run(forget());
    asyncdrop::set_forgotten_handler(former);
}
// [end]

// [snippet: reports]
void log_report(const asyncdrop::Report& report) noexcept {
    const std::string level =
        report.fatal ? "critical" : "error";  // text and parts as a log or a trace wants them
    note(level + ": " + std::string(report.type) + " of line " + std::to_string(report.site.line()) + ", " +
         std::string(report.reason ? to_string(*report.reason) : "no reason"));
}

void with_a_log() {
    asyncdrop::set_forgotten_action(asyncdrop::ForgottenReason::forgotten, asyncdrop::ForgottenAction::print);
    asyncdrop::set_report_sink(&log_report);
    run(forget());
    asyncdrop::set_report_sink(nullptr);
    asyncdrop::set_forgotten_action(asyncdrop::ForgottenReason::forgotten, asyncdrop::ForgottenAction::abort);
}
// [end]

void run_all() {
    expect(failure_of(only_the_body_fails()) == "the server does not understand");
    expect(failure_of(only_the_cleanup_fails()) == "the server did not say goodbye");
    events.clear();
    run(both_fail());
    expect(events.size() == 5 && events.at(1) == "close flaky");
    print_section("several", events.at(2) + "\n" + events.at(3) + "\n" + events.at(4));
    events.clear();
    run(drop_a_session());
    expect_events({"lost"});
    run(try_drop_a_session());
    run(use_results());
    expect_events({"and the goodbye was lost"});
    run_shielded();
    run_tokens();
    run_token_cancel();
    run_executors();
    with_a_handler_of_our_own();
    expect_events({"open db", "guide::Connection: its scope ended"});
    with_a_log();
    expect_events({"open db", "error: guide::Connection of line 242, its scope ended"});
}

}  // namespace guide

int main() {
    guide::run_all();
}
