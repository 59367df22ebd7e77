#include "workers.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <utility>

namespace connection_pool {

namespace {

constexpr int max_attempts = 3;

}  // namespace

Workers::Workers(asyncdrop::Passkey<Workers>, asio::any_io_executor executor, Pool& pool)
    : executor_(std::move(executor)), pool_(pool), done_(executor_, asio::steady_timer::time_point::max()) {}

void Workers::start(std::size_t workers, std::size_t questions) {
    for (std::size_t number = 1; number <= workers; ++number) {
        asio::co_spawn(executor_, work(number, questions), asio::detached);
        ++running_;  // it begins later, from the event loop
    }
}

asio::awaitable<void> Workers::work(std::size_t number, std::size_t questions) {
    try {
        for (std::size_t question = 1; question <= questions; ++question) {
            const std::string text =
                "question " + std::to_string(question) + " of worker " + std::to_string(number);
            co_await ask(text);
        }
    } catch (const PoolClosed&) {
        ++turned_away_;
    } catch (const std::exception& error) {
        std::cerr << "worker " << number << " gives up: " << error.what() << std::endl;
        ++failed_;
    }
    if (--running_ == 0) done_.cancel();
}

// A connection may break under a question. Asking again does no harm here, so the next one is tried.
asio::awaitable<void> Workers::ask(std::string question) {
    std::exception_ptr error;
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
        Pool::Lease connection = co_await pool_.checkout();
        try {
            const std::string answer = co_await connection->ask(question);
            if (answer != question) throw std::runtime_error("a wrong answer: " + answer);
            ++answered_;
            co_return;
        } catch (...) {
            error = std::current_exception();
        }
    }
    std::rethrow_exception(error);
}

asio::awaitable<void> Workers::all_done() {
    boost::system::error_code ignored;
    while (running_ > 0) co_await done_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> Workers::async_drop_impl() {
    stop();
    co_await all_done();
}

}  // namespace connection_pool
