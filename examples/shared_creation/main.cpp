// Looks words up in files; however many requests need the same file, it is read once. See README.md.

#include <CLI/CLI.hpp>
#include <asyncdrop/install.hpp>
#include <asyncdrop/with_async_drop.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include "blocking.hpp"
#include "catalog.hpp"
#include "requests.hpp"

namespace asio = boost::asio;
using namespace shared_creation;

namespace {

// On a thread that may be blocked.
asio::awaitable<std::optional<std::string>> read_line() {
    std::string line;
    if (!std::getline(std::cin, line)) co_return std::nullopt;
    co_return line;
}

void obey(const std::string& command, Requests& requests) {
    std::istringstream words(command);
    std::string verb, file, word;
    unsigned number = 0;
    words >> verb;
    if (verb == "find" && words >> file >> word) {
        std::cout << requests.start(file, word) << ": started" << std::endl;
    } else if (verb == "cancel" && words >> number) {
        if (!requests.cancel(number)) std::cout << number << ": not in progress" << std::endl;
    } else {
        std::cout << "commands: find FILE WORD, cancel NUMBER" << std::endl;
    }
}

asio::awaitable<void> obey_all(asio::any_io_executor input, Requests& requests) {
    for (;;) {
        asio::awaitable<std::optional<std::string>> reading = read_line();
        const std::optional<std::string> line = co_await run_blocking(input, std::move(reading));
        if (!line) co_return;
        obey(*line, requests);
    }
}

asio::awaitable<void> run(asio::any_io_executor input, asio::any_io_executor disk) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto make_catalog = [&] { return asyncdrop::make_box<Catalog>(disk); };
    const auto make_requests = [&](Catalog& catalog) {
        return asyncdrop::make_box<Requests>(executor, catalog);
    };
    const auto body = [&](Catalog&, Requests& requests) { return obey_all(input, requests); };
    // At the end of the input: first the requests end, then the catalog and its indexes are closed.
    co_await asyncdrop::with_async_drop(make_catalog, make_requests, body);
    std::cout << "closed" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
    unsigned disk_threads = 4;
    CLI::App app("Looks words up in files, each of which is read once. Reads commands from standard input.");
    app.add_option("--disk-threads", disk_threads, "How many files can be read at the same time")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    CLI11_PARSE(app, argc, argv);

    asio::thread_pool input(1);  // the pools outlive the context, whose coroutines wait for them
    asio::thread_pool disk(disk_threads);
    asio::io_context context(1);
    asyncdrop::install(input);
    asyncdrop::install(disk);
    asyncdrop::install(context);
    int exit_code = 0;
    asio::co_spawn(context, run(input.get_executor(), disk.get_executor()),
                   [&exit_code](const std::exception_ptr& failure) {
                       try {
                           if (failure) std::rethrow_exception(failure);
                       } catch (const std::exception& error) {
                           std::cerr << "shared_creation: " << error.what() << std::endl;
                           exit_code = 1;
                       }
                   });
    context.run();
    return exit_code;
}
