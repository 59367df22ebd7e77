#include "rehearsal.hpp"

#include <asyncdrop/arc.hpp>
#include <asyncdrop/drop_concurrently.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/forgotten.hpp>
#include <asyncdrop/install.hpp>
#include <asyncdrop/mutex.hpp>
#include <asyncdrop/registry.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <asyncdrop/testing/fault_points.hpp>
#include <asyncdrop/testing/sync_drop.hpp>
#include <asyncdrop/testing/teardown_order.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "expect.hpp"
#include "rehearse_background.hpp"
#include "rehearse_values.hpp"
#include "session.hpp"

namespace log_shipper {

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropMutex;
using asyncdrop::ForgottenReason;
using asyncdrop::TeardownGraph;

// Runs a coroutine to its end and throws what it throws. What it left behind dies with the context.
void run(asio::awaitable<void> coroutine) {
    asio::io_context context(1);
    asyncdrop::install(context);
    std::exception_ptr error;
    auto end = [&](std::exception_ptr thrown) {
        error = std::move(thrown);
        context.stop();
    };
    asio::co_spawn(context, std::move(coroutine), end);
    context.run();
    if (error) std::rethrow_exception(error);
}

std::vector<ForgottenReason> reports;  // of the main thread only

void note_forgotten(const asyncdrop::ForgottenDrop& drop) noexcept {
    reports.push_back(drop.reason);
}

// The body fails, and so does the cleanup: none of the errors is lost.
asio::awaitable<void> both_errors() {
    auto open = [] { return Session::open(Ending::with_error); };
    auto fail = [](Session&) { throw std::runtime_error("no answer"); };
    bool caught = false;
    try {
        co_await asyncdrop::with_async_drop(open, fail);
    } catch (const asyncdrop::AsyncDropError& error) {
        caught = true;
        expect(error.suppressed().size() == 1, "the cleanup's error comes along");
        expect(std::string(error.what()).starts_with("no answer; while cleaning up"),
               "the body's error is the first");
    }
    expect(caught, "two errors arrive as one AsyncDropError");
}

// Two sessions in one bracket; the error of a cleanup is translated.
asio::awaitable<void> mapped_error() {
    auto open = [] { return Session::open(); };
    auto open_bad = [] { return Session::open(Ending::with_error); };
    auto use = [](Session&, Session&) { expect(Session::count() == 2, "both sessions are open"); };
    auto translate = [](const std::exception_ptr&) { return std::domain_error("session"); };
    auto map = asyncdrop::error_map(translate);
    bool caught = false;
    try {
        co_await asyncdrop::with_async_drop(open, open_bad, use, map);
    } catch (const std::domain_error&) {
        caught = true;
    }
    expect(caught, "the error map has been applied");
}

asio::awaitable<void> wait_for_ever() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer forever(executor, asio::steady_timer::time_point::max());
    co_await forever.async_wait(asio::use_awaitable);
}

// Drops its session by hand whatever ends the wait.
asio::awaitable<void> hold_session(bool& dropped) {
    Session::Guard session = Session::open();
    std::exception_ptr error;
    try {
        co_await wait_for_ever();
    } catch (...) {
        error = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    co_await session.async_drop();
    dropped = session.is_dropped();
    if (error) std::rethrow_exception(error);
}

void cancelled() {
    asio::io_context context(1);
    asio::cancellation_signal signal;
    bool dropped = false;
    std::exception_ptr error;
    auto note = [&error](std::exception_ptr thrown) { error = thrown; };
    asio::co_spawn(context, hold_session(dropped), asio::bind_cancellation_slot(signal.slot(), note));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    expect(dropped && error, "a cancelled coroutine has cleaned up and still reports its cancellation");
}

void forgotten() {
    {
        const Session::Guard session = Session::open();
    }
    expect(reports == std::vector{ForgottenReason::forgotten}, "a forgotten session is reported");
    Session::Guard session = Session::open();
    Session::hang_up(session);
    expect(!session && reports.size() == 1, "a session that was hung up is not");
    reports.clear();
}

std::vector<std::string> told;  // of the main thread only

void note_report(const asyncdrop::Report& report) noexcept {
    if (report.kind == asyncdrop::ReportKind::forgotten && !report.fatal) told.emplace_back(report.type);
}

// What the library says without a handler, in parts: for a log.
void reported() {
    using asyncdrop::ForgottenAction;
    const auto handler = asyncdrop::set_forgotten_handler(nullptr);
    const auto sink = asyncdrop::set_report_sink(&note_report);
    const auto action = asyncdrop::set_forgotten_action(ForgottenReason::forgotten, ForgottenAction::print);
    {
        const Session::Guard session = Session::open();
    }
    asyncdrop::set_forgotten_action(ForgottenReason::forgotten, action);
    asyncdrop::set_report_sink(sink);
    asyncdrop::set_forgotten_handler(handler);
    expect(told == std::vector<std::string>{"log_shipper::Session"}, "a report names the session's type");
}

void context_destroyed() {
    bool dropped = false;
    {
        asio::io_context context(1);
        asyncdrop::install(context);
        asio::co_spawn(context, hold_session(dropped), [](std::exception_ptr) {});
        context.poll();
    }
    expect(!dropped && reports == std::vector{ForgottenReason::context_destroyed},
           "a session that died with its context is reported with this reason");
    reports.clear();
}

// From code that is no coroutine: futures and callbacks.
void completion_tokens() {
    asio::thread_pool pool(1);
    Session::Guard by_future = Session::open();
    by_future.async_drop(pool.get_executor(), asio::use_future).get();
    expect(by_future.is_dropped(), "a future has waited for the drop");

    asio::io_context context(1);
    bool heard = false;
    Session::Guard by_callback = Session::open();
    auto note = [&heard](std::exception_ptr error) { heard = !error; };
    by_callback.async_drop(asio::bind_executor(context, note));
    AsyncDropMutex<Session>::Lock held;
    auto mutex = AsyncDropMutex<Session>::create(Session::open());
    mutex->lock(context.get_executor(),
                [&held](std::exception_ptr, AsyncDropMutex<Session>::Lock lock) { held = std::move(lock); });
    context.run();
    expect(heard && held, "callbacks hear of a drop and of a lock");
    held.unlock();
    mutex.async_drop(pool.get_executor(), asio::use_future).get();
}

// From code that blocks, as a test may.
void blocking_scope() {
    {
        const asyncdrop::testing::SyncDrop session(Session::open());
        expect(Session::count() == 1 && !session.inner().is_dropped(), "the session is open in its scope");
    }
    expect(Session::count() == 0, "the end of the scope has waited for the drop");
}

// An owner that is not the last one waits for the end; what is independent is dropped concurrently.
asio::awaitable<void> shared_owners() {
    AsyncDropArc<Session> first(Session::open());
    AsyncDropArc<Session> second = first.clone();
    Session::Guard other = Session::open();
    const auto executor = co_await asio::this_coro::executor;
    bool closed = false;
    asio::co_spawn(executor, first.async_drop_and_wait(),
                   [&closed](std::exception_ptr error) { closed = !error; });
    while (second.strong_count() > 1) co_await asio::post(executor, asio::use_awaitable);
    expect(!closed, "one owner waits for the other");
    co_await asyncdrop::drop_concurrently(second, other);
    while (!closed) co_await asio::post(executor, asio::use_awaitable);
    expect(first.is_dropped() && other.is_dropped() && Session::count() == 0, "everything has been dropped");
}

// One cleanup hangs and is cancelled, another one hangs and is abandoned together with what it uses.
asio::awaitable<void> deadlines() {
    using asyncdrop::NodeState;
    constexpr std::chrono::milliseconds soon(2);
    const auto executor = co_await asio::this_coro::executor;
    Session::Guard borrowed = Session::open();
    AsyncDropGuard<TeardownGraph> graph = TeardownGraph::create();
    graph->add("cancelled", Session::open(Ending::never), asyncdrop::cancel_after(soon));
    const auto used = graph->add("used", Session::open(), asyncdrop::on(executor));
    graph->add("abandoned", Session::open(Ending::never), asyncdrop::uses(used),
               asyncdrop::abandon_after(soon));
    graph->add_borrowed("borrowed", borrowed);
    const asyncdrop::TeardownReport report = co_await graph->run();
    const auto state = [&report](const char* name) { return report.find(name)->state; };
    expect(state("cancelled") == NodeState::failed && report.find("cancelled")->cancelled,
           "a cleanup has been cancelled by its deadline");
    expect(state("abandoned") == NodeState::abandoned, "a cleanup has been abandoned");
    expect(state("used") == NodeState::skipped, "what it used was left alone");
    expect(state("borrowed") == NodeState::dropped && borrowed.is_dropped(), "the others were dropped");
    co_await graph.async_drop();
}

// Comes up, and goes down in order however far it came.
asio::awaitable<void> come_up(asyncdrop::testing::FaultPoints& faults) {
    AsyncDropGuard<TeardownGraph> graph = TeardownGraph::create();
    std::exception_ptr error;
    try {
        const auto spool = graph->add("spool", Session::open());
        faults.reach("spool open");
        graph->add("uplink", Session::open(), asyncdrop::uses(spool));
        faults.reach("uplink open");
    } catch (const asyncdrop::testing::InjectedFault&) {
        error = std::current_exception();
    }
    const asyncdrop::TeardownReport report = co_await graph->run();
    expect(report.ok() && asyncdrop::testing::order_violations(report).empty(), "users before what they use");
    expect(Session::count() == 0, "nothing is left of a start that failed");
    expect(static_cast<bool>(error) == faults.failed(), "the fault arrives");
    co_await graph.async_drop();
}

void fault_points() {
    int runs = 0;
    asyncdrop::testing::at_each_fault_point([&runs](asyncdrop::testing::FaultPoints& faults) {
        ++runs;
        run(come_up(faults));
    });
    expect(runs == 3, "once undisturbed, and once for each step");
}

}  // namespace

void rehearse() {
    const asyncdrop::ForgottenHandler former = asyncdrop::set_forgotten_handler(&note_forgotten);
    run(both_errors());
    run(mapped_error());
    cancelled();
    forgotten();
    reported();
    context_destroyed();
    completion_tokens();
    blocking_scope();
    run(shared_owners());
    fault_points();
    expect(Session::count() == 0 && reports.empty(), "no session is left");
    rehearse_background();
    rehearse_values();
    run(deadlines());
    expect(reports == std::vector{ForgottenReason::cleanup_abandoned}, "the abandoned cleanup is reported");
    expect(Session::count() == 1 && asyncdrop::live_guards().size() == 1, "what it used is never destroyed");
    reports.clear();
    asyncdrop::set_forgotten_handler(former);
}

}  // namespace log_shipper
