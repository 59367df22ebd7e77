#include "service.hpp"

#include <asyncdrop/arc.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/registry.hpp>
#include <asyncdrop/shared.hpp>
#include <asyncdrop/teardown_error.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <asyncdrop/teardown_handle.hpp>
#include <asyncdrop/teardown_settings.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "dead_letters.hpp"
#include "open_sources.hpp"
#include "spool.hpp"
#include "uplink.hpp"

namespace log_shipper {

namespace {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropShared;
using asyncdrop::NodeHandle;
using asyncdrop::TeardownGraph;

struct Parts {
    NodeHandle<Sources> sources;
    NodeHandle<LazyDeadLetters> dead_letters;
    NodeHandle<Spool::Mutex> spool;
};

AsyncDropGuard<TeardownGraph> make_graph() {
    asyncdrop::TeardownSettings settings;
    settings.warn_after = std::chrono::seconds(30);
    settings.max_concurrent = 4;
    return TeardownGraph::create(std::move(settings));
}

// The graph is one owner of the uplink, the spool another one.
asio::awaitable<void> add_spool(TeardownGraph& graph, Parts& parts, AsyncDropShared<Uplink>& shared,
                                metrics::Totals& totals) {
    const auto executor = co_await asio::this_coro::executor;
    AsyncDropArc<Uplink> arc = co_await shared.get();
    AsyncDropArc<Uplink> clone = arc.clone();
    const auto uplink = graph.add("uplink", std::move(arc), asyncdrop::on(executor));
    parts.spool = graph.add("spool", Spool::create(std::move(clone), totals), asyncdrop::uses(uplink),
                            asyncdrop::warn_after(std::chrono::seconds(10)));
}

asio::awaitable<void> assemble(TeardownGraph& graph, Parts& parts, const Config& config, Outcome& outcome) {
    AsyncDropGuard<Sources> sources = co_await open_sources(config.folder, config.optional_logs);
    asyncdrop::name_live_guard(sources, "all logs");
    outcome.sources = sources->size();
    parts.sources = graph.add("sources", std::move(sources));
    parts.dead_letters = graph.add("dead letters", dead_letters_in(config.dead_letters()));

    AsyncDropShared<Uplink> shared = uplink_to(config.shipped());
    auto use = [&](AsyncDropShared<Uplink>& uplink) {
        return add_spool(graph, parts, uplink, outcome.totals);
    };
    co_await asyncdrop::even_if_cancelled;
    co_await asyncdrop::with_async_drop(shared, use);
}

// Each line takes a turn, so that many readers share one thread.
asio::awaitable<void> pump(Source& source, Spool::Mutex& spool, LazyDeadLetters& dead_letters) {
    const auto executor = co_await asio::this_coro::executor;
    while (auto line = source.next_line()) {
        co_await asio::post(executor, asio::use_awaitable);
        if (line->starts_with(corrupt_mark)) {
            DeadLetters* letters = co_await dead_letters.get();
            letters->add(*line);
            auto locked = co_await spool.lock();
            locked->note_rejected();
        } else {
            auto locked = co_await spool.lock();
            asio::awaitable<void> appending = locked->append(std::move(*line));
            co_await std::move(appending);
        }
    }
}

asio::awaitable<void> pump_all(std::vector<Source*> sources, Spool::Mutex& spool,
                               LazyDeadLetters& dead_letters) {
    for (Source* source : sources) co_await pump(*source, spool, dead_letters);
}

// Two readers share the logs between them.
asio::awaitable<void> read_all(TeardownGraph& graph, const Parts& parts) {
    using namespace asio::experimental::awaitable_operators;
    std::vector<Source*> first_half, second_half;
    for (auto [name, source] : graph.get(parts.sources)) {
        auto& half = first_half.size() <= second_half.size() ? first_half : second_half;
        half.push_back(&source);
    }
    Spool::Mutex& spool = graph.get(parts.spool);
    LazyDeadLetters& dead_letters = graph.get(parts.dead_letters);
    asio::awaitable<void> first = pump_all(std::move(first_half), spool, dead_letters);
    asio::awaitable<void> second = pump_all(std::move(second_half), spool, dead_letters);
    asio::awaitable<void> both = std::move(first) && std::move(second);
    co_await std::move(both);
}

bool refuses_late_part(TeardownGraph& graph) {
    auto nothing = []() -> asio::awaitable<void> { co_return; };
    try {
        graph.add_task("too late", nothing);
    } catch (const asyncdrop::TeardownError& error) {
        return error.code() == asyncdrop::TeardownErrc::closed;
    }
    return false;
}

}  // namespace

asio::awaitable<Outcome> run_service(Config config) {
    Outcome outcome;
    bool reading = true;
    auto serve = [&](TeardownGraph& graph) -> asio::awaitable<void> {
        Parts parts;
        co_await assemble(graph, parts, config, outcome);
        auto stop_reading = [&reading]() -> asio::awaitable<void> {
            reading = false;
            co_return;
        };
        graph.add_task("stop reading", stop_reading,
                       asyncdrop::uses(parts.sources, parts.spool, parts.dead_letters));
        co_await read_all(graph, parts);
        outcome.report = co_await graph.run();
        outcome.refused_late_part = !reading && refuses_late_part(graph);
    };
    co_await asyncdrop::with_async_drop(make_graph, serve);
    co_return outcome;
}

}  // namespace log_shipper
