// The lock inside AsyncDropMutex, without the value: first in, first out, and it can be closed.
//
// Threads: every member may be called from any thread. No coroutine is ever resumed inline: a woken
// waiter runs on its own executor.
//
// Invariant: a non-empty wait list implies `held_`; release() passes the lock on without freeing it, so
// nobody can overtake a waiter.
#pragma once

#include <asyncdrop/detail/attempt.hpp>
#include <asyncdrop/detail/waiter.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

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
    [[nodiscard]] static boost::asio::awaitable<void> close_and_wait(std::shared_ptr<AsyncLock> self) {
        if (self->try_close()) co_return;
        Attempt attempt;
        do {
            co_await even_if_cancelled;
            try {
                boost::asio::awaitable<Answer> waiting = queue_up(self, true);
                co_await std::move(waiting);
            } catch (const std::bad_alloc&) {
                attempt.error = std::current_exception();
            }
        } while (attempt.again(attempt.error != nullptr));
        if (attempt.error) std::rethrow_exception(attempt.error);
    }

    // Waits for the lock; `self` keeps it alive while a coroutine is parked in it. Answers `acquired` or
    // `closed`. Cancelled: throws operation_aborted and has left the queue; if the grant came first, the
    // answer is `acquired` and the caller's next co_await throws.
    [[nodiscard]] static boost::asio::awaitable<Answer> wait(std::shared_ptr<AsyncLock> self) {
        return queue_up(std::move(self), false);
    }

  private:
    // A place in the queue. Its destruction leaves the queue, and passes on a lock that was granted but
    // never taken (the frame was destroyed between grant and resumption).
    class Entry {
      public:
        Entry(AsyncLock& lock, const boost::asio::any_io_executor& executor, bool closing)
            : lock_(lock), waiter_(executor) {
            const std::lock_guard guard(lock_.mutex_);
            if (closing) {
                lock_.closed_ = true;  // whoever already waits is still served, in order
            } else if (lock_.closed_) {
                answer_ = Answer::closed;
                return;
            }
            if (lock_.held_) {
                lock_.waiters_.push(waiter_);
                answer_ = Answer::busy;
            } else {
                lock_.held_ = true;
            }
        }
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        ~Entry() {
            const std::lock_guard guard(lock_.mutex_);
            if (waiter_.queued()) lock_.waiters_.remove(waiter_);
            if (waiter_.granted() && answer_ != Answer::acquired) lock_.pass_on();
        }

        [[noreturn]] void throw_reason() const { waiter_.throw_reason(); }
        [[nodiscard]] Answer answer() const noexcept { return answer_; }
        [[nodiscard]] boost::asio::awaitable<void> park() { return waiter_.park(lock_.mutex_); }
        [[nodiscard]] boost::asio::awaitable<void> park_deaf() { return waiter_.park_deaf(lock_.mutex_); }
        [[nodiscard]] bool take() noexcept {
            const std::lock_guard guard(lock_.mutex_);
            if (waiter_.granted()) answer_ = Answer::acquired;
            return waiter_.granted();
        }

      private:
        AsyncLock& lock_;
        Waiter waiter_;
        Answer answer_ = Answer::acquired;
    };

    static boost::asio::awaitable<Answer> queue_up(std::shared_ptr<AsyncLock> self, bool closing) {
        const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        Entry entry(*self, executor, closing);
        if (entry.answer() == Answer::busy) {
            boost::asio::awaitable<void> parked = closing ? entry.park_deaf() : entry.park();
            co_await std::move(parked);
            if (!entry.take()) entry.throw_reason();
        }
        co_return entry.answer();
    }

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
