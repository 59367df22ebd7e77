// Coroutines that wait until something changed. The waiter tests its condition again: `while (!x) co_await
// q.wait();`
//
// Threads: one executor thread. Cancellation: a wait is not interrupted, it ends with the next wake_all
// (whoever waits here waits for work that always ends); the coroutine's own cancellation then shows at its
// next co_await.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

namespace demofs {

class WaitQueue {
  public:
    WaitQueue() = default;
    WaitQueue(const WaitQueue&) = delete;
    WaitQueue& operator=(const WaitQueue&) = delete;

    /// Returns after the next wake_all().
    [[nodiscard]] boost::asio::awaitable<void> wait();

    /// Resumes everyone who waits now, each through its own executor, never inline.
    void wake_all();

  private:
    using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;
    std::vector<Handler> waiting_;
};

}  // namespace demofs
