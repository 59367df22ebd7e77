#include "flusher.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <iostream>
#include <utility>

namespace write_behind_cache {

Flusher::Flusher(asyncdrop::Passkey<Flusher>, asio::any_io_executor executor, Cache& cache,
                 std::chrono::milliseconds interval)
    : cache_(cache),
      interval_(interval),
      pause_(executor),
      ended_(executor, asio::steady_timer::time_point::max()) {}

void Flusher::start() {
    asio::co_spawn(pause_.get_executor(), run(), asio::detached);
    running_ = true;  // it begins later, from the event loop
}

asio::awaitable<void> Flusher::run() {
    while (!stopping_) {
        boost::system::error_code ignored;
        pause_.expires_after(interval_);
        co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (stopping_) break;  // what is left is the cache's to write, in its own cleanup
        try {
            co_await cache_.flush();
        } catch (const std::exception& error) {
            std::cerr << "a flush failed and will be tried again: " << error.what() << std::endl;
        }
    }
    running_ = false;
    ended_.cancel();
}

asio::awaitable<void> Flusher::async_drop_impl() {
    stopping_ = true;
    pause_.cancel();
    boost::system::error_code ignored;
    while (running_) co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace write_behind_cache
