// The examples of docs/asyncdrop/teardown-graph.md.
#include <asyncdrop/teardown_export.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "examples/guide/example.hpp"

namespace guide {

using asyncdrop::TeardownGraph;
using asyncdrop::TeardownReport;
using std::chrono::milliseconds;

asio::awaitable<void> stop_server() {
    co_await round_trip();
    note("server stopped");
}

// [snippet: basic]
asio::awaitable<TeardownReport> program(TeardownGraph& graph) {
    auto opened_store = co_await Connection::open("store");
    auto store = graph.add("store", std::move(opened_store));

    auto opened_cache = co_await Connection::open("cache");
    auto cache = graph.add("cache", std::move(opened_cache), asyncdrop::uses(store));

    auto opened_metrics = co_await Connection::open("flaky");
    graph.add("metrics", std::move(opened_metrics));

    auto stop = [] { return stop_server(); };
    graph.add_task("stop the server", stop, asyncdrop::uses(cache));

    co_await graph.get(cache).query("work");
    TeardownReport report = co_await graph.run();  // the server, then the cache, then the store
    co_return report;
}

asio::awaitable<void> run_program() {
    auto create = [] { return TeardownGraph::create(); };
    TeardownReport report = co_await asyncdrop::with_async_drop(create, program);
    note(report.to_text());
}
// [end]

// [snippet: without_run]
asio::awaitable<void> failing_program(TeardownGraph& graph) {
    auto store = co_await Connection::open("store");
    graph.add("store", std::move(store));
    throw std::runtime_error("no port is free");
}

asio::awaitable<void> run_failing_program() {
    auto create = [] { return TeardownGraph::create(); };
    co_await asyncdrop::with_async_drop(create, failing_program);  // closes the store, then throws
}
// [end]

// ---------------------------------------------------------------- who may do what

// [snippet: refusals]
asio::awaitable<void> refusals(TeardownGraph& graph) {
    auto first = co_await Connection::open("first");
    auto second = co_await Connection::open("second");
    auto a = graph.add("a", std::move(first));
    auto b = graph.add("b", std::move(second), asyncdrop::uses(a));
    try {
        graph.add_edge(a, b);
    } catch (const asyncdrop::TeardownError& error) {  // code(): TeardownErrc::cycle
        note(error.what());
    }
    try {
        AsyncDropGuard<Connection> taken = graph.release(a);
    } catch (const asyncdrop::TeardownError& error) {  // in_use
        note(error.what());
    }
    auto third = co_await Connection::open("third");
    try {
        graph.add("a", std::move(third));
    } catch (const asyncdrop::TeardownError& error) {  // duplicate_name
        note(error.what());
    }
    co_await third.async_drop();  // a refused guard is still its caller's

    AsyncDropGuard<Connection> back = graph.release(b);  // nobody uses b: its guard comes back
    co_await back.async_drop();
}
// [end]

// [snippet: borrowed]
asio::awaitable<void> borrowed() {
    auto log = co_await Connection::open("log");  // stays here; the graph drops it in place
    auto graph = TeardownGraph::create();
    graph->add_borrowed("log", log);
    co_await graph.async_drop();
    expect(log.is_dropped());
}
// [end]

// ---------------------------------------------------------------- deadlines

/// A cleanup that waits until it is told to go on, or is cancelled.
class Stuck {
  public:
    explicit Stuck(Passkey<Stuck>) {}
    Stuck(Stuck&&) noexcept = default;
    asio::awaitable<void> async_drop_impl() {
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer waiting(executor, asio::steady_timer::time_point::max());
        timer = &waiting;
        boost::system::error_code ended;
        co_await waiting.async_wait(asio::redirect_error(asio::use_awaitable, ended));
        timer = nullptr;
    }
    static inline asio::steady_timer* timer = nullptr;
};

// [snippet: warn]
asio::awaitable<void> warn_deadline() {
    asyncdrop::TeardownSettings settings;
    settings.warn_after = milliseconds(10);  // 5 s if you say nothing
    settings.sink = [](std::string_view sentence) {
        note(std::string(sentence));
        const bool about_cache = sentence.find("dropping block cache") != sentence.npos;
        if (about_cache && Stuck::timer) Stuck::timer->cancel();  // (lets this example's cleanup go on)
    };
    auto graph = TeardownGraph::create(settings);
    auto opened = co_await Connection::open("store");
    auto store = graph->add("store", std::move(opened));
    graph->add("block cache", asyncdrop::make_guard<Stuck>(), asyncdrop::uses(store));
    co_await graph.async_drop();
}
// [end]

// [snippet: cancel]
class Uploader {
  public:
    explicit Uploader(Passkey<Uploader>) {}
    Uploader(Uploader&&) noexcept = default;
    asio::awaitable<void> async_drop_impl() {
        std::exception_ptr cancelled;
        try {
            co_await upload_the_rest();
        } catch (...) {
            cancelled = std::current_exception();
        }
        co_await asyncdrop::even_if_cancelled;
        co_await round_trip();  // what must happen nevertheless
        note(cancelled ? "upload stopped, place remembered" : "upload complete");
    }

  private:
    static asio::awaitable<void> upload_the_rest() {
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer network(executor, asio::steady_timer::time_point::max());
        co_await network.async_wait(asio::use_awaitable);
    }
};

asio::awaitable<void> cancel_deadline() {
    auto graph = TeardownGraph::create();
    graph->add("uploader", asyncdrop::make_guard<Uploader>(), asyncdrop::cancel_after(milliseconds(10)));
    const TeardownReport report = co_await graph->run();
    expect(report.ok() && report.find("uploader")->cancelled.has_value());
    co_await graph.async_drop();
}
// [end]

// [snippet: abandon]
asio::awaitable<void> abandon_deadline() {
    auto graph = TeardownGraph::create();
    auto opened = co_await Connection::open("store");
    auto store = graph->add("store", std::move(opened));
    graph->add("cache", asyncdrop::make_guard<Stuck>(), asyncdrop::uses(store),
               asyncdrop::abandon_after(milliseconds(10)));
    auto metrics = co_await Connection::open("metrics");
    graph->add("metrics", std::move(metrics));
    const TeardownReport report = co_await graph->run();
    print_section("abandon", report.to_text());
    co_await graph.async_drop();
}
// [end]

// ---------------------------------------------------------------- exporters

// [snippet: exporters]
asio::awaitable<void> exporters(TeardownGraph& graph) {
    auto opened = co_await Connection::open("store");
    auto store = graph.add("store", std::move(opened));
    auto cache = co_await Connection::open("cache");
    graph.add("cache", std::move(cache), asyncdrop::uses(store));
    const TeardownReport report = co_await graph.run();
    note(asyncdrop::to_json(report));          // for programs
    note(asyncdrop::to_chrome_trace(report));  // for chrome://tracing and Perfetto
    note(asyncdrop::to_graphviz(report));      // for `dot -Tsvg`
}
// [end]

// [snippet: abandon_stop]
void run_abandoning_program() {
    asio::io_context context(1);
    asyncdrop::install(context);
    // The abandoned cleanup still waits in the context: without stop(), run() would not return.
    asio::co_spawn(context, abandon_deadline(), [&context](std::exception_ptr) { context.stop(); });
    context.run();
}
// [end]

asio::awaitable<void> with_graph(asio::awaitable<void> (*use)(TeardownGraph&)) {
    auto create = [] { return TeardownGraph::create(); };
    co_await asyncdrop::with_async_drop(create, use);
}

void run_all() {
    run(run_program());
    expect(events.size() == 8);
    print_section("basic", events.back());
    events.pop_back();
    expect(events.back() == "close store");
    events.clear();

    expect(failure_of(run_failing_program()) == "no port is free");
    expect_events({"open store", "close store"});

    run(with_graph(refusals));
    expect(events.at(0) == "open first" && events.at(1) == "open second");
    print_section("refusals", events.at(2) + "\n" + events.at(3) + "\n" + events.at(5));
    expect(events.at(6) == "close third" && events.at(7) == "close second" && events.at(8) == "close first");
    events.clear();
    run(borrowed());
    expect_events({"open log", "close log"});

    run(warn_deadline());
    expect(events.size() >= 4 && events.back() == "close store");
    print_section("warn", events.at(1) + "\n" + events.at(2));
    events.clear();
    run(cancel_deadline());
    expect_events({"upload stopped, place remembered"});
    const std::string messages = messages_of(run_abandoning_program);
    print_section("abandon_later", messages);

    run(with_graph(exporters));
    print_section("json", events.at(4));
    expect(events.at(5).find("traceEvents") != std::string::npos);
    print_section("graphviz", events.at(6));
    events.clear();
}

}  // namespace guide

int main() {
    guide::run_all();
}
