// A coroutine that runs beside everything else until it is stopped: what flusher, reclaimer and the
// session's collecting of pages have in common.
//
// The task sleeps with sleep(), is woken by wake(), and is asked to end by stop(), which awaits its end. It
// is never interrupted: stop() waits for the step that is under way.
//
// Threads: the core.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <exception>
#include <optional>

namespace demofs::fs {

class BackgroundTask {
  public:
    explicit BackgroundTask(boost::asio::any_io_executor executor);
    BackgroundTask(const BackgroundTask&) = delete;
    BackgroundTask& operator=(const BackgroundTask&) = delete;

    /// Starts `body`, which must not refer to anything that dies before stop() has returned.
    void start(boost::asio::awaitable<void> body);

    // --- for the body ---
    bool stopping() const { return stopping_; }
    /// Returns after `time` (for ever if there is none), or when it is woken or stopped, also if that was
    /// before.
    boost::asio::awaitable<void> sleep(std::optional<std::chrono::milliseconds> time);
    /// Lets others run.
    boost::asio::awaitable<void> yield();

    // --- for others ---
    void wake();
    /// Ends the task and awaits its end; throws what the body threw. Nothing happens if it never started.
    boost::asio::awaitable<void> stop();

  private:
    boost::asio::any_io_executor executor_;
    boost::asio::steady_timer alarm_;
    boost::asio::steady_timer ended_;  // never expires, cancelled at the end
    bool woken_ = false;
    bool stopping_ = false;
    bool running_ = false;
    std::exception_ptr error_;
};

}  // namespace demofs::fs
