// Counters that are kept in memory and written behind; at the end, what is left is written before the store
// closes. See README.md.

#include <CLI/CLI.hpp>
#include <asyncdrop/install.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>
#include <string>

#include "cache.hpp"
#include "flusher.hpp"
#include "store.hpp"

namespace asio = boost::asio;
using namespace write_behind_cache;

namespace {

struct Options {
    std::string file;
    std::uint64_t updates = 100'000;
    std::size_t keys = 50;
    std::size_t max_unwritten = 1000;
    std::int64_t interval_ms = 20;
};

// Builds the parts, each with what it uses, and returns the one to work with.
asio::awaitable<Cache*> build(asyncdrop::TeardownGraph& graph, const Options& options,
                              asio::any_io_executor disk, Statistics& statistics) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;

    auto opened = co_await Store::open(disk, options.file, statistics);
    auto shared = Cache::SharedStore::create(std::move(opened));
    const auto store = graph.add("store", std::move(shared));
    Cache::SharedStore::Lock lock = co_await graph.get(store).lock();
    Counters counters = co_await lock->load();
    lock.unlock();

    auto caching = asyncdrop::make_box<Cache>(graph.get(store), std::move(counters), options.max_unwritten);
    const auto cache = graph.add("cache", std::move(caching), asyncdrop::uses(store));

    auto flushing = asyncdrop::make_box<Flusher>(executor, graph.get(cache),
                                                 std::chrono::milliseconds(options.interval_ms));
    const auto flusher = graph.add("flusher", std::move(flushing), asyncdrop::uses(cache));
    graph.get(flusher).start();
    co_return &graph.get(cache);
}

// The work: counts, until a signal says that it is enough.
asio::awaitable<std::uint64_t> count(Cache& cache, const Options& options) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    bool stopped = false;
    asio::signal_set signals(executor, SIGTERM, SIGINT);
    signals.async_wait([&stopped](const boost::system::error_code& error, int) {
        if (!error) stopped = true;
    });
    std::uint64_t done = 0;
    for (; done < options.updates && !stopped; ++done) {
        const std::string key = "counter-" + std::to_string(done % options.keys);
        co_await cache.add_one(key);
        co_await asio::post(executor, asio::use_awaitable);  // let the others run
    }
    co_return done;
}

asio::awaitable<void> build_and_count(asyncdrop::TeardownGraph& graph, const Options& options,
                                      asio::any_io_executor disk, Statistics& statistics) {
    Cache* const cache = co_await build(graph, options, disk, statistics);
    std::cout << "counting" << std::endl;
    const std::uint64_t updates = co_await count(*cache, options);
    std::cout << updates << " updates made" << std::endl;
}

// Whatever happens, what was built is torn down, and the report is printed.
asio::awaitable<void> use_graph(asyncdrop::TeardownGraph& graph, const Options& options,
                                asio::any_io_executor disk) {
    Statistics statistics;
    std::exception_ptr error;
    try {
        co_await build_and_count(graph, options, disk, statistics);
    } catch (...) {
        error = std::current_exception();
    }
    const asyncdrop::TeardownReport report = co_await graph.run();
    std::cout << statistics.values << " values written in " << statistics.writes << " writes\n"
              << report.to_text() << std::flush;
    if (error) std::rethrow_exception(error);
    if (!report.ok()) std::rethrow_exception(report.first_error());
}

asio::awaitable<void> run(const Options& options, asio::any_io_executor disk) {
    const auto make_graph = [] { return asyncdrop::TeardownGraph::create(); };
    const auto body = [&](asyncdrop::TeardownGraph& graph) { return use_graph(graph, options, disk); };
    co_await asyncdrop::with_async_drop(make_graph, body);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Counters that are kept in memory and written behind.");
    app.option_defaults()->always_capture_default();
    app.add_option("--file", options.file, "Where the counters are stored")->required();
    app.add_option("--updates", options.updates, "How often to count");
    app.add_option("--keys", options.keys, "How many counters")->check(CLI::Range(1, 1'000'000));
    app.add_option("--max-unwritten", options.max_unwritten, "How many counters may wait to be written")
        ->check(CLI::Range(1, 1'000'000));
    app.add_option("--interval-ms", options.interval_ms, "How long to wait between two flushes")
        ->check(CLI::Range(1, 3'600'000));
    CLI11_PARSE(app, argc, argv);

    asio::thread_pool disk(1);  // outlives the context, whose coroutines wait for it
    asio::io_context context(1);
    asyncdrop::install(disk);
    asyncdrop::install(context);
    int exit_code = 0;
    asio::co_spawn(context, run(options, disk.get_executor()),
                   [&exit_code](const std::exception_ptr& failure) {
                       try {
                           if (failure) std::rethrow_exception(failure);
                       } catch (const std::exception& error) {
                           std::cerr << "write_behind_cache: " << error.what() << std::endl;
                           exit_code = 1;
                       }
                   });
    context.run();
    disk.join();
    return exit_code;
}
