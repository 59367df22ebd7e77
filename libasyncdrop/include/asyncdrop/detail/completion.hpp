// Something that happens once, with or without an error, and may be awaited by many.
//
// Threads: every member may be called from any thread; a waiter resumes on its own executor. complete()
// wakes nobody inline and touches nothing of the waiters after their grant.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/detail/wait_list.hpp>
#include <boost/asio/awaitable.hpp>
#include <exception>
#include <memory>
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

    // Returns after complete(), whatever its error. `owner` keeps this object alive while a coroutine is
    // parked in it; null: the caller does. Cancelled: throws operation_aborted; wait under a shield to avoid
    // it.
    [[nodiscard]] boost::asio::awaitable<void> wait(std::shared_ptr<const void> owner);

  private:
    class Entry;

    mutable std::mutex mutex_;
    WaitList waiters_;
    std::exception_ptr error_;
    bool done_ = false;
};

}  // namespace asyncdrop::detail

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/completion.ipp>
#endif
