// The waits of an AsyncLock; see detail/async_lock.hpp.
#pragma once

#include <asyncdrop/detail/async_lock.hpp>
#include <asyncdrop/detail/attempt.hpp>
#include <asyncdrop/detail/waiter.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <new>
#include <utility>

namespace asyncdrop::detail {

// A place in the queue. Its destruction leaves the queue, and passes on a lock that was granted but
// never taken (the frame was destroyed between grant and resumption).
class AsyncLock::Entry {
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

ASYNCDROP_DECL boost::asio::awaitable<AsyncLock::Answer> AsyncLock::queue_up(std::shared_ptr<AsyncLock> self,
                                                                             bool closing) {
    const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
    Entry entry(*self, executor, closing);
    if (entry.answer() == Answer::busy) {
        boost::asio::awaitable<void> parked = closing ? entry.park_deaf() : entry.park();
        co_await std::move(parked);
        if (!entry.take()) entry.throw_reason();
    }
    co_return entry.answer();
}

ASYNCDROP_DECL boost::asio::awaitable<void> AsyncLock::close_and_wait(std::shared_ptr<AsyncLock> self) {
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

ASYNCDROP_DECL boost::asio::awaitable<AsyncLock::Answer> AsyncLock::wait(std::shared_ptr<AsyncLock> self) {
    return queue_up(std::move(self), false);
}

}  // namespace asyncdrop::detail
