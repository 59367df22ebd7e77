// What a task and its control do that is no template; see task.hpp.
#pragma once

#include <asyncdrop/detail/occupants_text.hpp>
#include <asyncdrop/detail/waiter.hpp>
#include <asyncdrop/task.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/error_code.hpp>

namespace asyncdrop {

class TaskControl::Entry {
  public:
    Entry(TaskControl& control, const asio::any_io_executor& executor)
        : control_(control), waiter_(executor) {
        const std::lock_guard lock(control_.mutex_);
        ++control_.wait_number_;
        if (!control_.woken_ && !control_.stopping_) control_.waiting_.push(waiter_);
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
        const std::lock_guard lock(control_.mutex_);
        if (waiter_.queued()) control_.waiting_.remove(waiter_);
        control_.woken_ = false;
    }

    bool ready() const noexcept {
        const std::lock_guard lock(control_.mutex_);
        return !waiter_.queued();
    }
    // Ends this wait then, if it is still under way.
    void set_alarm(asio::steady_timer& alarm, Time until) {
        alarm.expires_at(until);
        alarm.async_wait([known = control_.weak_from_this(),
                          number = control_.wait_number_](const boost::system::error_code& error) {
            const auto control = known.lock();
            if (!error && control) control->time_is_over(number);
        });
    }
    asio::awaitable<void> park() { return waiter_.park(control_.mutex_); }
    [[noreturn]] void throw_reason() const { waiter_.throw_reason(); }

  private:
    TaskControl& control_;
    detail::Waiter waiter_;
};

ASYNCDROP_DECL bool TaskControl::stopping() const noexcept {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

ASYNCDROP_DECL asio::awaitable<void> TaskControl::wait() {
    return wait_until(shared_from_this(), Time::max());
}

ASYNCDROP_DECL void TaskControl::wake() noexcept {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    waiting_.grant_all();
}

ASYNCDROP_DECL asio::awaitable<void> TaskControl::wait_until(std::shared_ptr<TaskControl> self, Time until) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::steady_timer alarm(executor);
    Entry entry(*self, executor);
    if (!entry.ready()) {
        if (until != Time::max()) entry.set_alarm(alarm, until);
        co_await entry.park();
        if (!entry.ready()) entry.throw_reason();
    }
}

ASYNCDROP_DECL void TaskControl::time_is_over(std::uint64_t number) noexcept {
    const std::lock_guard lock(mutex_);
    if (number == wait_number_) waiting_.grant_all();  // else this wait has ended in another way
}

ASYNCDROP_DECL void TaskControl::stop() noexcept {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.grant_all();
}

ASYNCDROP_DECL AsyncDropTask::~AsyncDropTask() {
    if (!group_ || group_->over()) return;
    control_->stop();
    group_->abandon();
}

ASYNCDROP_DECL asio::awaitable<void> AsyncDropTask::async_drop_impl() {
    // What is awaited exists before the drop has begun: memory that is short then leaves the task armed.
    return drop(group_, control_, by_control_, detail::TaskGroup::join(group_, group_->wait()));
}

ASYNCDROP_DECL std::function<std::string()> AsyncDropTask::drop_progress() const {
    return detail::progress_of(group_);
}

ASYNCDROP_DECL asio::awaitable<void> AsyncDropTask::drop(Group group, std::shared_ptr<TaskControl> control,
                                                         bool by_control, asio::awaitable<void> joining) {
    group->close();
    control->stop();
    if (!by_control) group->cancel_all();
    co_await std::move(joining);
}

}  // namespace asyncdrop
