// Background coroutines from their start to their end; see detail/task_group.hpp.
#pragma once

#include <asyncdrop/detail/serial_executor.hpp>
#include <asyncdrop/detail/shielded.hpp>
#include <asyncdrop/detail/task_group.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/forgotten.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <iterator>
#include <new>

namespace asyncdrop::detail {

inline bool is_cancellation(const std::exception_ptr& error) noexcept {
    if (!error) return false;
    try {
        std::rethrow_exception(error);
    } catch (const boost::system::system_error& e) {
        return e.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

// What is posted; outlives a post that fails.
class TaskGroup::Start {
  public:
    explicit Start(asio::any_io_executor executor)
        : executor_(std::move(executor)), signal_(std::make_shared<TaskSignal>()) {}

    TaskCancellation cancellation() const noexcept { return TaskCancellation(executor_, signal_); }
    void take(Place&& place) noexcept { place_.emplace(std::move(place)); }
    Place& place() noexcept { return *place_; }
    const asio::any_io_executor& executor() const noexcept { return executor_; }

    void operator()() {
        const std::shared_ptr<TaskSignal> signal = std::move(signal_);
        try {
            asio::awaitable<void> driving = drive(std::move(*place_));
            // The signal dies with the coroutine that it may cancel: neither may outlive the context.
            asio::co_spawn(
                executor_, std::move(driving),
                asio::bind_cancellation_slot(signal->slot(), [signal](const std::exception_ptr&) {}));
            signal->begun();
        } catch (...) {  // no memory; the place's destructor has noted that
        }
    }

  private:
    asio::any_io_executor executor_;
    std::shared_ptr<TaskSignal> signal_;
    std::optional<Place> place_;
};

ASYNCDROP_DECL void TaskCancellation::request(asio::cancellation_type type) const noexcept {
    if (!executor_) return;
    try {
        asio::post(executor_, [signal = signal_, type] {
            if (const auto alive = signal.lock()) alive->emit(type);
        });
    } catch (...) {  // no memory: the task goes on uncancelled
    }
}

ASYNCDROP_DECL TaskGroup::~TaskGroup() {
    for (const Task& task : failed_) print_undelivered(task);
}

ASYNCDROP_DECL TaskGroup::Place::~Place() {
    if (!group_) return;
    if (started_) {
        lost();
    } else {
        ended(nullptr);
    }
}

ASYNCDROP_DECL void TaskGroup::Place::ended(const std::exception_ptr& error) noexcept {
    const std::shared_ptr<TaskGroup> group = std::move(group_);
    group->leave(task_, error, false);
}

ASYNCDROP_DECL std::optional<TaskGroup::Place> TaskGroup::enter(std::string_view name, CreationSite site) {
    Tasks entering;
    entering.emplace_back(name, site);
    const std::lock_guard lock(mutex_);
    if (closed_) return std::nullopt;
    running_.splice(running_.end(), entering);
    return Place(shared_from_this(), std::prev(running_.end()));
}

ASYNCDROP_DECL void TaskGroup::close() noexcept {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    note_over();
}

ASYNCDROP_DECL void TaskGroup::cancel_all() noexcept {
    for (;;) {
        TaskCancellation cancellation;
        {
            const std::lock_guard lock(mutex_);
            if (running_.empty()) return;
            running_.front().asked = true;
            cancellation = running_.front().cancellation;
            asked_.splice(asked_.end(), running_, running_.begin());
        }
        cancellation.request(asio::cancellation_type::terminal);
    }
}

ASYNCDROP_DECL asio::awaitable<void> TaskGroup::join(std::shared_ptr<TaskGroup> self,
                                                     asio::awaitable<void> over) {
    bool cancelled = false;
    try {
        co_await std::move(over);
    } catch (const boost::system::system_error&) {
        cancelled = true;
    } catch (const std::bad_alloc&) {  // for waiting: once more
    }
    if (cancelled) self->cancel_all();
    if (!self->over()) {
        co_await even_if_cancelled;
        asio::awaitable<void> again = self->wait();
        asio::awaitable<void> waiting = shielded(std::move(again));
        co_await std::move(waiting);
    }
    if (const std::exception_ptr error = self->take_error()) std::rethrow_exception(error);
}

ASYNCDROP_DECL void TaskGroup::abandon() noexcept {
    close();
    cancel_all();
}

ASYNCDROP_DECL std::vector<Occupant> TaskGroup::occupants() const {
    std::vector<Occupant> all;
    const std::lock_guard lock(mutex_);
    const Clock::time_point now = Clock::now();
    for (const Tasks* tasks : {&asked_, &running_}) {
        for (const Task& task : *tasks) {
            all.push_back(Occupant{task.label.substr(5), task.site, now - task.since});
        }
    }
    return all;
}

ASYNCDROP_DECL asio::awaitable<void> TaskGroup::drive(Place place) {
    std::exception_ptr error;
    try {
        asio::awaitable<void> work = place.body().start();
        co_await std::move(work);
    } catch (...) {
        error = std::current_exception();
    }
    place.ended(error);
    co_await asio::this_coro::throw_if_cancelled(false);  // or co_spawn's own last await is refused
}

ASYNCDROP_DECL void TaskGroup::leave(Tasks::iterator task, std::exception_ptr error, bool lost) noexcept {
    {
        const std::unique_ptr<TaskBody> body = std::move(task->body);
        if (body && body->deliver(error)) error = nullptr;
    }
    Tasks gone;
    const std::lock_guard lock(mutex_);
    if (task->asked && !lost && is_cancellation(error)) error = nullptr;
    task->cancellation = TaskCancellation();
    task->error = error;
    Tasks& next = error ? failed_ : gone;
    next.splice(next.end(), task->asked ? asked_ : running_, task);
    note_over();
}

// With the mutex held.
ASYNCDROP_DECL void TaskGroup::note_over() noexcept {
    if (closed_ && running_.empty() && asked_.empty() && !over_.done()) over_.complete(nullptr);
}

ASYNCDROP_DECL std::exception_ptr TaskGroup::take_error() noexcept {
    Tasks failed;
    {
        const std::lock_guard lock(mutex_);
        failed.swap(failed_);
    }
    if (failed.empty()) return nullptr;
    std::vector<Failure> failures;
    try {
        failures.reserve(failed.size());
    } catch (...) {  // no memory: the first is delivered, the others are printed
        const std::exception_ptr first = failed.front().error;
        failed.pop_front();
        for (const Task& task : failed) print_lost(failure_of(task));
        return first;
    }
    for (const Task& task : failed) failures.push_back(failure_of(task));
    return combine(nullptr, failures);
}

ASYNCDROP_DECL Failure TaskGroup::failure_of(const Task& task) noexcept {
    return Failure(task.error, task.label, task.site);
}

ASYNCDROP_DECL void TaskGroup::print_undelivered(const Task& task) noexcept {
    try {
        const std::string message = message_of(task.error);
        Line line;
        line << "asyncdrop: the " << task.label << ", started at " << task.site
             << ", failed, and nobody joined it: " << message;
        print_notice(line.view(), task.label, task.site);
    } catch (...) {  // no memory
    }
}

ASYNCDROP_DECL void TaskGroup::Place::start_body(std::unique_ptr<TaskBody>& body) {
    const auto start = std::make_shared<Start>(serial_executor(group_->executor()));
    const TaskCancellation cancellation = start->cancellation();
    body->connect(cancellation);
    bool asked = false;
    {
        const std::lock_guard lock(group_->mutex_);
        task_->body = std::move(body);
        task_->cancellation = cancellation;
        asked = task_->asked;
    }
    if (asked) cancellation.request(asio::cancellation_type::terminal);
    start->take(std::move(*this));
    start->place().started_ = true;
    try {
        asio::post(start->executor(), [start] { (*start)(); });
    } catch (...) {
        Place& place = start->place();
        group_ = std::move(place.group_);
        body = std::move(task_->body);
        throw;
    }
}

ASYNCDROP_DECL void TaskGroup::Place::lost() noexcept {
    const std::shared_ptr<TaskGroup> group = std::move(group_);
    std::exception_ptr error;
    try {
        error = std::make_exception_ptr(boost::system::system_error(
            asio::error::operation_aborted, "the execution context of the " + task_->label +
                                                " was destroyed, or could not run it, before it ended"));
    } catch (...) {
        error = std::current_exception();
    }
    group->leave(task_, error, true);
}

}  // namespace asyncdrop::detail
