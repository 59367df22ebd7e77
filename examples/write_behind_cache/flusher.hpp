#pragma once
// Flushes a cache again and again, in the background. A flush that fails is reported and tried again.
//
// The cleanup stops it and waits for a flush that runs.
//
// Threads: one.

#include <asyncdrop/box.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "cache.hpp"

namespace write_behind_cache {

class Flusher {
  public:
    /// The cache outlives it.
    Flusher(asyncdrop::Passkey<Flusher>, asio::any_io_executor executor, Cache& cache,
            std::chrono::milliseconds interval);
    Flusher(Flusher&&) = delete;

    void start();

    asio::awaitable<void> async_drop_impl();

  private:
    asio::awaitable<void> run();

    Cache& cache_;
    const std::chrono::milliseconds interval_;
    bool running_ = false;
    bool stopping_ = false;
    asio::steady_timer pause_;
    asio::steady_timer ended_;  // never expires; cancelled when run() ends
};

}  // namespace write_behind_cache
