// The lock inside AsyncDropMutex, without the value: first in, first out, and it can be closed.
//
// Threads: every member may be called from any thread. No coroutine is ever resumed inline: a woken
// waiter runs on its own executor.
//
// Invariant: a non-empty wait list implies `held_`; release() passes the lock on without freeing it, so
// nobody can overtake a waiter.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/detail/wait_list.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <mutex>

namespace asyncdrop::detail {

class AsyncLock {
  public:
    enum class Answer { acquired, busy, closed };

    [[nodiscard]] Answer try_acquire() noexcept {
        const std::lock_guard lock(mutex_);
        if (closed_) return Answer::closed;
        if (held_) return Answer::busy;
        held_ = true;
        return Answer::acquired;
    }

    void release() noexcept {
        const std::lock_guard lock(mutex_);
        pass_on();
    }

    // Closes the lock if nobody holds it, and so nobody waits for it.
    [[nodiscard]] bool try_close() noexcept {
        const std::lock_guard lock(mutex_);
        if (!held_) closed_ = true;
        return !held_;
    }

    // Closes the lock, then waits for it like everybody else: at the end of the queue. No cancellation ends
    // that wait: what the lock protects would be lost. Waiting that fails for lack of memory is tried once
    // more. Leaves throw_if_cancelled(false) in force.
    [[nodiscard]] static boost::asio::awaitable<void> close_and_wait(std::shared_ptr<AsyncLock> self);

    // Waits for the lock; `self` keeps it alive while a coroutine is parked in it. Answers `acquired` or
    // `closed`. Cancelled: throws operation_aborted and has left the queue; if the grant came first, the
    // answer is `acquired` and the caller's next co_await throws.
    [[nodiscard]] static boost::asio::awaitable<Answer> wait(std::shared_ptr<AsyncLock> self);

  private:
    class Entry;

    static boost::asio::awaitable<Answer> queue_up(std::shared_ptr<AsyncLock> self, bool closing);

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

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/async_lock.ipp>
#endif
