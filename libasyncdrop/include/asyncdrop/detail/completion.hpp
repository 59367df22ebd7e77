// Something that happens once, with or without an error, and may be awaited by many.
//
// Threads: every member may be called from any thread; a waiter resumes on its own executor. complete()
// wakes nobody inline and touches nothing of the waiters after their grant.
#pragma once

#include <asyncdrop/detail/waiter.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <mutex>
#include <utility>

namespace asyncdrop::detail {

class Completion {
  public:
    void complete(std::exception_ptr error) noexcept {
        const std::lock_guard lock(mutex_);
        error_ = std::move(error);
        done_ = true;
        waiters_.grant_all();
    }

    [[nodiscard]] bool done() const noexcept {
        const std::lock_guard lock(mutex_);
        return done_;
    }

    // What complete() was given; null before it.
    [[nodiscard]] std::exception_ptr error() const noexcept {
        const std::lock_guard lock(mutex_);
        return error_;
    }

    // Returns after complete(), whatever its error. `Owner` is any handle that keeps this object alive while
    // a coroutine is parked in it. Cancelled: throws operation_aborted; wait under a shield to avoid it.
    template <class Owner>
    [[nodiscard]] boost::asio::awaitable<void> wait(Owner owner) {
        [[maybe_unused]] const Owner keep_alive = std::move(owner);
        const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        Entry entry(*this, executor);
        if (!entry.ready()) {
            co_await entry.park();
            if (!entry.ready()) entry.throw_reason();
        }
    }

  private:
    class Entry {
      public:
        Entry(Completion& completion, const boost::asio::any_io_executor& executor)
            : completion_(completion), waiter_(executor) {
            const std::lock_guard lock(completion_.mutex_);
            if (!completion_.done_) completion_.waiters_.push(waiter_);
        }
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        ~Entry() {
            const std::lock_guard lock(completion_.mutex_);
            if (waiter_.queued()) completion_.waiters_.remove(waiter_);
        }

        [[noreturn]] void throw_reason() const { waiter_.throw_reason(); }
        [[nodiscard]] bool ready() const noexcept { return completion_.done(); }
        [[nodiscard]] boost::asio::awaitable<void> park() { return waiter_.park(completion_.mutex_); }

      private:
        Completion& completion_;
        Waiter waiter_;
    };

    mutable std::mutex mutex_;
    WaitList waiters_;
    std::exception_ptr error_;
    bool done_ = false;
};

}  // namespace asyncdrop::detail
