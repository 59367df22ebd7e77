// The wait for a Completion; see detail/completion.hpp.
#pragma once

#include <asyncdrop/detail/completion.hpp>
#include <asyncdrop/detail/waiter.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/this_coro.hpp>

namespace asyncdrop::detail {

// A place among those who wait.
class Completion::Entry {
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

ASYNCDROP_DECL boost::asio::awaitable<void> Completion::wait(std::shared_ptr<const void> owner) {
    [[maybe_unused]] const std::shared_ptr<const void> keep_alive = std::move(owner);
    const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
    Entry entry(*this, executor);
    if (!entry.ready()) {
        co_await entry.park();
        if (!entry.ready()) entry.throw_reason();
    }
}

}  // namespace asyncdrop::detail
