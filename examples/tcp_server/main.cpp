// A key-value server that drains its connections on SIGTERM. See README.md.

#include <CLI/CLI.hpp>
#include <asyncdrop/install.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <exception>
#include <iostream>

#include "server.hpp"

namespace asio = boost::asio;
using tcp_server::Server;

namespace {

asio::awaitable<void> serve_until_signal(Server& server) {
    std::cout << "listening on 127.0.0.1:" << server.port() << std::endl;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    // When this scope ends, a second signal has its usual effect again: it ends the program at once.
    asio::signal_set signals(executor, SIGTERM, SIGINT);
    signals.async_wait([&server](const boost::system::error_code& error, int) {
        if (!error) server.stop_accepting();
    });
    co_await server.accept();
}

asio::awaitable<void> run(tcp_server::Options options) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto open = [&executor, &options] { return Server::open(executor, options); };
    co_await asyncdrop::with_async_drop(open, serve_until_signal);  // drains, however the serving ended
}

}  // namespace

int main(int argc, char** argv) {
    tcp_server::Options options;
    std::int64_t deadline_ms = options.drain_deadline.count();
    CLI::App app("A key-value server that drains its connections on SIGTERM.");
    app.add_option("--port", options.port, "Port on 127.0.0.1; 0 takes any free one")->capture_default_str();
    app.add_option("--drain-ms", deadline_ms, "How long requests may take to finish after SIGTERM")
        ->capture_default_str()
        ->check(CLI::Range(1, 3'600'000));
    app.add_option("--file", options.file, "Where the table is kept; without it, in memory only");
    CLI11_PARSE(app, argc, argv);
    options.drain_deadline = std::chrono::milliseconds(deadline_ms);

    asio::io_context context(1);
    asyncdrop::install(context);  // lets reports tell a guard that was forgotten from one whose context died
    int exit_code = 0;
    asio::co_spawn(context, run(options), [&exit_code](const std::exception_ptr& failure) {
        try {
            if (failure) std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            std::cerr << "tcp_server: " << error.what() << std::endl;
            exit_code = 1;
        }
    });
    context.run();
    return exit_code;
}
