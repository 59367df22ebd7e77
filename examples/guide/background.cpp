// Background work that has an owner, as in docs/asyncdrop/background.md; each example is run and checked.
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <chrono>
#include <memory>

#include "examples/guide/example.hpp"

namespace guide {

using asyncdrop::AsyncDropGate;
using asyncdrop::AsyncDropScope;
using asyncdrop::AsyncDropTask;
using asyncdrop::TaskControl;

// ---------------------------------------------------------------- AsyncDropScope

// [snippet: scope]
asio::awaitable<void> greet(std::string name) {
    co_await round_trip();
    note("hello " + name);
    if (name == "stranger") throw std::runtime_error("we have not been introduced");
}

asio::awaitable<void> scope() {
    const auto executor = co_await asio::this_coro::executor;
    auto scope = AsyncDropScope::create(executor);  // a guard of the scope
    scope->spawn("ada", greet("ada"));              // a coroutine, which begins soon
    const std::string friendly = "grace";
    scope->spawn("grace", [friendly] { return greet(friendly); });  // or a function that makes one
    note(std::to_string(scope->size()) + " inside");
    co_await scope.async_drop();  // nobody gets in any more; waits for both
    note("all greeted");
}
// [end]

// [snippet: scope_bracket]
asio::awaitable<void> greet_everybody() {
    const auto executor = co_await asio::this_coro::executor;
    auto open = [executor] { return AsyncDropScope::create(executor); };
    auto use = [](AsyncDropScope& scope) {
        for (const char* name : {"ada", "stranger", "grace"}) scope.spawn(name, greet(name));
    };
    co_await asyncdrop::with_async_drop(open, use);  // joins, then throws what has failed
}
// [end]

// [snippet: scope_cancel]
asio::awaitable<void> wait_for_mail() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer mail(executor, asio::steady_timer::time_point::max());
    co_await mail.async_wait(asio::use_awaitable);  // throws operation_aborted when asked to cancel
}

asio::awaitable<void> scope_that_cancels() {
    const auto executor = co_await asio::this_coro::executor;
    auto scope = AsyncDropScope::create(executor, asyncdrop::WhenDropped::cancel);
    scope->spawn("mail", wait_for_mail());
    co_await round_trip();
    co_await scope.async_drop();  // asks the task to cancel, and waits for its end, which is no error
}
// [end]

// [snippet: scope_result]
asio::awaitable<int> count_letters(std::string text) {
    co_await round_trip();
    co_return static_cast<int>(text.size());
}

asio::awaitable<void> scope_with_a_result(AsyncDropScope& scope) {
    auto counting = scope.spawn("count", count_letters("hello"), asio::use_awaitable);
    int letters = co_await std::move(counting);
    expect(letters == 5);  // an error would have come here, and not to the drop
}
// [end]

asio::awaitable<void> use_scope_with_a_result() {
    const auto executor = co_await asio::this_coro::executor;
    auto open = [executor] { return AsyncDropScope::create(executor); };
    co_await asyncdrop::with_async_drop(open, scope_with_a_result);
}

// [snippet: scope_closed]
asio::awaitable<void> too_late(AsyncDropScope& scope) {
    asio::awaitable<void> work = greet("late");
    bool refused = false;
    try {
        scope.spawn("late", std::move(work));
    } catch (const asyncdrop::ScopeClosed&) {
        refused = true;
    }
    if (refused) co_await std::move(work);  // nothing is lost: the coroutine is still ours
}
// [end]

asio::awaitable<void> spawn_during_the_drop() {
    const auto executor = co_await asio::this_coro::executor;
    auto scope = AsyncDropScope::create(executor);
    AsyncDropScope& inside = *scope;
    scope->spawn("outer", [&inside]() -> asio::awaitable<void> {
        co_await round_trip();
        co_await too_late(inside);
    });
    co_await scope.async_drop();
}

// ---------------------------------------------------------------- AsyncDropTask

// [snippet: task]
class Journal {
  public:
    explicit Journal(Passkey<Journal>, asio::any_io_executor executor)
        : flusher_(AsyncDropTask::start(executor, "flusher",
                                        [this](TaskControl& control) { return flush_regularly(control); })) {}

    void add(std::string line) {
        lines_.push_back(std::move(line));
        if (lines_.size() >= 2) flusher_->wake();  // do not wait for the time to come
    }

    asio::awaitable<void> async_drop_impl() { return flusher_.async_drop(); }

  private:
    asio::awaitable<void> flush_regularly(TaskControl& control) {
        while (!control.stopping()) {
            co_await control.wait_for(std::chrono::seconds(5));  // or until it is woken, or asked to stop
            co_await round_trip();
            note("flushed " + std::to_string(lines_.size()) + " lines");
            lines_.clear();
        }
    }

    std::vector<std::string> lines_;
    AsyncDropGuard<AsyncDropTask> flusher_;
};

asio::awaitable<void> task() {
    const auto executor = co_await asio::this_coro::executor;
    auto open = [executor] { return asyncdrop::make_box<Journal>(executor); };
    auto use = [](Journal& journal) -> asio::awaitable<void> {
        for (const char* line : {"one", "two"}) journal.add(line);
        for (int turn = 0; turn < 5; ++turn) co_await round_trip();
        journal.add("three");
    };
    co_await asyncdrop::with_async_drop(open, use);
}
// [end]

// ---------------------------------------------------------------- AsyncDropGate

// [snippet: gate]
asio::awaitable<void> answer(AsyncDropGate& requests, std::string path) {
    const auto pass = requests.enter("GET " + path);  // throws GateClosed once the drop has begun
    for (int trip = 0; trip < 3; ++trip) co_await round_trip();
    note("answered " + path);
}  // out again, also by an exception

asio::awaitable<void> gate() {
    const auto executor = co_await asio::this_coro::executor;
    auto requests = AsyncDropGate::create();  // a guard of the gate
    asio::co_spawn(executor, answer(*requests, "/index.html"), asio::detached);
    co_await round_trip();
    for (const asyncdrop::Occupant& request : requests->occupants()) {
        note(request.name + " is being answered");  // .site and .age tell where and since when
    }
    co_await requests.async_drop();  // nobody gets in any more; waits until everybody is out
    note("drained");
}
// [end]

// [snippet: progress]
asio::awaitable<void> slow_answer(AsyncDropGate& requests, asio::steady_timer& ready) {
    const auto pass = requests.enter("GET /slow");
    co_await ready.async_wait(asio::use_awaitable);
}

asio::awaitable<void> who_keeps_it_waiting() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer ready(executor, asio::steady_timer::time_point::max());
    asyncdrop::TeardownSettings settings;
    settings.sink = [&ready](std::string_view sentence) {
        note(std::string(sentence));
        ready.cancel();
    };
    auto requests = AsyncDropGate::create();
    asio::co_spawn(executor, slow_answer(*requests, ready), asio::detached);
    auto make_graph = [&settings] { return asyncdrop::TeardownGraph::create(settings); };
    auto tear_down = [&requests](asyncdrop::TeardownGraph& graph) -> asio::awaitable<void> {
        co_await round_trip();
        graph.add("requests", std::move(requests), asyncdrop::warn_after(std::chrono::milliseconds(1)));
    };
    co_await asyncdrop::with_async_drop(make_graph, tear_down);
}
// [end]

// Compiled, and never run.
// [snippet: waits_for_itself]
asio::awaitable<void> last_request(AsyncDropGuard<AsyncDropGate>& requests) {
    const auto pass = requests->enter("GET /shutdown");
    co_await requests.async_drop();  // waits until everybody is out, this coroutine, too
}
// [end]

// ---------------------------------------------------------------- deadlines

// [snippet: deadline]
class SlowPeer {
  public:
    explicit SlowPeer(Passkey<SlowPeer>) {}
    SlowPeer(SlowPeer&&) noexcept = default;
    asio::awaitable<void> async_drop_impl() {  // written for a deadline: it can be cut short
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer answer(executor, asio::steady_timer::time_point::max());
        boost::system::error_code interrupted;
        auto token = asio::redirect_error(asio::use_awaitable, interrupted);
        co_await answer.async_wait(token);
        note(interrupted ? "left without an answer" : "answered");
    }
};

asio::awaitable<void> within_a_deadline() {
    auto peer = asyncdrop::make_guard<SlowPeer>();
    co_await asyncdrop::async_drop_for(peer, std::chrono::milliseconds(5));  // then its cleanup is cancelled

    auto meet = [] { return asyncdrop::make_guard<SlowPeer>(); };
    auto talk = [](SlowPeer&) { note("talk"); };
    auto deadline = asyncdrop::drop_deadline(asyncdrop::warn_after(std::chrono::seconds(1)),
                                             asyncdrop::cancel_after(std::chrono::milliseconds(5)));
    co_await asyncdrop::with_async_drop(meet, talk, deadline);
}
// [end]

// ---------------------------------------------------------------- AsyncDropSharedMap

// [snippet: shared_map]
using Connections = asyncdrop::AsyncDropSharedMap<std::string, Connection>;

asio::awaitable<void> shared_map() {
    auto open = [](const std::string& name) { return Connection::open(name); };
    auto connections = Connections::create(open);
    auto mine = co_await connections->get("db");    // opens it
    auto theirs = co_await connections->get("db");  // the same connection
    expect(&*mine == &*theirs);
    co_await mine.async_drop();
    note("one user is left");
    co_await theirs.async_drop();  // the last one: closes it, and gets the error if that fails
    co_await connections.async_drop();
}
// [end]

void run_all() {
    run(scope());
    expect_events({"2 inside", "hello ada", "hello grace", "all greeted"});
    expect(failure_of(greet_everybody()) == "we have not been introduced");
    expect_events({"hello ada", "hello stranger", "hello grace"});
    run(scope_that_cancels());
    expect_events({});
    run(use_scope_with_a_result());
    run(spawn_during_the_drop());
    expect_events({"hello late"});
    run(task());
    expect_events({"flushed 2 lines", "flushed 1 lines"});
    run(gate());
    expect_events({"GET /index.html is being answered", "answered /index.html", "drained"});
    run(shared_map());
    expect_events({"open db", "one user is left", "close db"});
    run(within_a_deadline());
    expect_events({"left without an answer", "talk", "left without an answer"});
    run(who_keeps_it_waiting());
    expect(events.size() == 1);
    print_section("progress", events.at(0));
    events.clear();
}

}  // namespace guide

int main() {
    guide::run_all();
}
