// The lock inside AsyncDropMutex, without the value: first in, first out, and it can be closed.
//
// Threads: every member may be called from any thread. No coroutine is ever resumed inline: a woken
// waiter runs on its own executor.
//
// Invariant: a non-empty wait list implies `held_`; release() passes the lock on without freeing it, so
// nobody can overtake a waiter.
#pragma once

#include <asyncdrop/detail/waiter.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <memory>
#include <mutex>
#include <utility>

namespace asyncdrop::detail {

class AsyncLock {
  public:
    enum class Attempt { acquired, busy, closed };

    [[nodiscard]] Attempt try_acquire() noexcept {
        const std::lock_guard lock(mutex_);
        if (closed_) return Attempt::closed;
        if (held_) return Attempt::busy;
        held_ = true;
        return Attempt::acquired;
    }

    void release() noexcept {
        const std::lock_guard lock(mutex_);
        pass_on();
    }

    // From now on try_acquire() answers `closed`; whoever already waits is still served, in order.
    void close() noexcept {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }

    [[nodiscard]] bool held() const noexcept {
        const std::lock_guard lock(mutex_);
        return held_;
    }

    // Waits for the lock, also a closed one (the closer itself waits this way). `self` keeps the lock
    // alive while a coroutine is parked in it. Cancelled: throws operation_aborted and has left the
    // queue; if the grant came first, the lock is returned and the caller's next co_await throws.
    [[nodiscard]] static boost::asio::awaitable<void> wait(std::shared_ptr<AsyncLock> self) {
        const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        Entry entry(*self, executor);
        if (!entry.acquired_at_once()) {
            co_await entry.park();
            if (!entry.take()) {
                throw boost::system::system_error(boost::asio::error::operation_aborted);
            }
        }
    }

  private:
    // A place in the queue. Its destruction leaves the queue, and passes on a lock that was granted but
    // never taken (the frame was destroyed between grant and resumption).
    class Entry {
      public:
        Entry(AsyncLock& lock, const boost::asio::any_io_executor& executor)
            : lock_(lock), waiter_(executor) {
            const std::lock_guard guard(lock_.mutex_);
            if (lock_.held_) {
                lock_.waiters_.push(waiter_);
            } else {
                lock_.held_ = true;
                taken_ = true;
            }
        }
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        ~Entry() {
            const std::lock_guard guard(lock_.mutex_);
            if (waiter_.queued()) lock_.waiters_.remove(waiter_);
            if (waiter_.granted() && !taken_) lock_.pass_on();
        }

        [[nodiscard]] bool acquired_at_once() const noexcept { return taken_; }
        [[nodiscard]] boost::asio::awaitable<void> park() { return waiter_.park(lock_.mutex_); }
        [[nodiscard]] bool take() noexcept {
            const std::lock_guard guard(lock_.mutex_);
            taken_ = waiter_.granted();
            return taken_;
        }

      private:
        AsyncLock& lock_;
        Waiter waiter_;
        bool taken_ = false;
    };

    void pass_on() noexcept {
        if (waiters_.empty()) {
            held_ = false;
        } else {
            waiters_.grant_first();
        }
    }

    mutable std::mutex mutex_;
    WaitList waiters_;
    bool held_ = false;
    bool closed_ = false;
};

}  // namespace asyncdrop::detail
