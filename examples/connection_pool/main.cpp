// Many workers share a few connections; at the end all connections are closed at the same time. See
// README.md.

#include <CLI/CLI.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/install.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>

#include "backend.hpp"
#include "pool.hpp"
#include "workers.hpp"

namespace asio = boost::asio;
using namespace connection_pool;

namespace {

struct Options {
    std::size_t connections = 4;
    std::size_t workers = 20;
    std::size_t questions = 10;
    std::int64_t timeout_ms = 5000;
    unsigned short port = 0;
    bool rude = false;
};

asio::awaitable<void> work(const Options& options, Pool& pool, Workers& workers) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::signal_set signals(executor, SIGTERM, SIGINT);
    signals.async_wait([&workers](const boost::system::error_code& error, int) {
        if (error) return;
        workers.stop();
        std::cout << "told to stop" << std::endl;
    });
    workers.start(options.workers, options.questions);
    co_await workers.all_done();
    std::cout << workers.answered() << " questions answered, " << workers.failed() << " workers gave up, "
              << workers.turned_away() << " turned away; " << pool.opened() << " connections opened, "
              << pool.replaced() << " replaced\n"
              << "closing " << pool.open() << " connections" << std::endl;
}

asio::awaitable<void> run(const Options& options) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto open_backend = [&] { return asyncdrop::make_box<Backend>(executor, options.rude); };
    const auto open_pool = [&](Backend& own) {
        const tcp::endpoint given(asio::ip::address_v4::loopback(), options.port);
        if (options.port == 0) own.start();
        return asyncdrop::make_box<Pool>(executor, options.port == 0 ? own.endpoint() : given,
                                         options.connections, std::chrono::milliseconds(options.timeout_ms));
    };
    const auto make_workers = [&](Backend&, Pool& pool) {
        return asyncdrop::make_box<Workers>(executor, pool);
    };
    const auto body = [&](Backend&, Pool& pool, Workers& workers) { return work(options, pool, workers); };
    // Dropped in reverse: the workers, then the pool they use, then the backend that the pool uses.
    co_await asyncdrop::with_async_drop(open_backend, open_pool, make_workers, body);
}

void print(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const asyncdrop::AsyncDropError& several) {
        print(several.primary());
        for (const asyncdrop::SuppressedError& other : several.suppressed()) print(other.error);
    } catch (const std::exception& error) {
        std::cerr << "connection_pool: " << error.what() << std::endl;
    }
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Many workers share a few connections, which are closed at the same time.");
    app.option_defaults()->always_capture_default();
    app.add_option("--connections", options.connections, "Size of the pool")->check(CLI::Range(1, 1000));
    app.add_option("--workers", options.workers, "How many use it")->check(CLI::Range(1, 10'000));
    app.add_option("--questions", options.questions, "How many questions each worker asks");
    app.add_option("--timeout-ms", options.timeout_ms, "How long to wait for an answer, or for the goodbye")
        ->check(CLI::Range(1, 3'600'000));
    app.add_option("--port", options.port, "A backend on 127.0.0.1; 0 takes the built-in one");
    app.add_flag("--rude", options.rude, "The built-in backend does not say goodbye");
    CLI11_PARSE(app, argc, argv);

    asio::io_context context(1);
    asyncdrop::install(context);  // lets reports tell a guard that was forgotten from one whose context died
    int exit_code = 0;
    asio::co_spawn(context, run(options), [&exit_code](const std::exception_ptr& failure) {
        if (failure) print(failure);
        exit_code = failure ? 1 : 0;
    });
    context.run();
    std::cout << "closed" << std::endl;
    return exit_code;
}
