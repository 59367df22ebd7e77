#pragma once
// The users of the pool: each worker asks the backend so many questions, one after the other.
//
// The cleanup makes the pool turn them away and waits until the last one has finished its question.
//
// Threads: one.

#include <asyncdrop/box.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <string>

#include "pool.hpp"

namespace connection_pool {

class Workers {
  public:
    /// The pool outlives them.
    Workers(asyncdrop::Passkey<Workers>, asio::any_io_executor executor, Pool& pool);
    Workers(Workers&&) = delete;

    void start(std::size_t workers, std::size_t questions);
    asio::awaitable<void> all_done();
    void stop() { pool_.refuse(); }

    std::size_t answered() const noexcept { return answered_; }
    std::size_t failed() const noexcept { return failed_; }
    std::size_t turned_away() const noexcept { return turned_away_; }

    asio::awaitable<void> async_drop_impl();

  private:
    asio::awaitable<void> work(std::size_t number, std::size_t questions);
    asio::awaitable<void> ask(std::string question);

    asio::any_io_executor executor_;
    Pool& pool_;
    std::size_t running_ = 0;
    std::size_t answered_ = 0;
    std::size_t failed_ = 0;
    std::size_t turned_away_ = 0;
    asio::steady_timer done_;  // never expires; cancelled when the last one has ended
};

}  // namespace connection_pool
