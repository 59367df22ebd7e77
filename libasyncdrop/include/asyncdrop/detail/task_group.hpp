// What AsyncDropScope and AsyncDropTask have in common: background coroutines that are counted, asked to
// cancel, and joined.
//
// Life of the group: open -> closed (nobody gets in any more) -> over (closed, and nobody is inside).
// Life of a task: entered -> running -> asked to cancel, perhaps -> ended. What has failed stays until the
// errors are taken.
//
// Threads: every public member may be called from any thread; `mutex_` guards all data but a task's body,
// which belongs to whoever starts it and then to its coroutine. Nothing foreign (a body, an executor, a
// waiter) is called with the mutex held.
//
// Invariants
// * Each task runs on a strand of its own, and its cancellation signal is emitted there.
// * Strand and signal are given up when the task ends or dies: neither may outlive its context. The signal
//   belongs to the task's coroutine; the group knows it weakly.
// * Lists are spliced, so that noting an end or a failure needs no memory.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/completion.hpp>
#include <asyncdrop/detail/serial_executor.hpp>
#include <asyncdrop/detail/shielded.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/forgotten.hpp>
#include <asyncdrop/occupant.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asyncdrop::detail {

namespace asio = boost::asio;

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

// Used on the task's strand only. A request that comes before the coroutine waits for it.
class TaskSignal {
  public:
    asio::cancellation_slot slot() noexcept { return signal_.slot(); }
    void emit(asio::cancellation_type type) {
        requested_ |= type;
        if (begun_) signal_.emit(type);
    }
    void begun() {
        begun_ = true;
        if (requested_ != asio::cancellation_type::none) signal_.emit(requested_);
    }

  private:
    asio::cancellation_signal signal_;
    asio::cancellation_type requested_ = asio::cancellation_type::none;
    bool begun_ = false;
};

// How to cancel a task; an empty one does nothing.
class TaskCancellation {
  public:
    TaskCancellation() noexcept = default;
    TaskCancellation(asio::any_io_executor executor, std::weak_ptr<TaskSignal> signal) noexcept
        : executor_(std::move(executor)), signal_(std::move(signal)) {}

    void request(asio::cancellation_type type) const noexcept {
        if (!executor_) return;
        try {
            asio::post(executor_, [signal = signal_, type] {
                if (const auto alive = signal.lock()) alive->emit(type);
            });
        } catch (...) {  // no memory: the task goes on uncancelled
        }
    }

  private:
    asio::any_io_executor executor_;
    std::weak_ptr<TaskSignal> signal_;
};

// What a task does; without its type. Lives until its coroutine has ended.
struct TaskBody {
    TaskBody() = default;
    TaskBody(const TaskBody&) = delete;
    TaskBody& operator=(const TaskBody&) = delete;
    virtual ~TaskBody() = default;

    // Called once, before start().
    virtual void connect(const TaskCancellation&) {}
    // Called once.
    virtual asio::awaitable<void> start() = 0;
    // The end. True: whoever is responsible for the error knows of it.
    virtual bool deliver(const std::exception_ptr&) noexcept { return false; }
};

class TaskGroup : public std::enable_shared_from_this<TaskGroup> {
    using Clock = std::chrono::steady_clock;

    struct Task {
        Task(std::string_view name, CreationSite s)
            : label("task " + std::string(name)), site(s), since(Clock::now()) {}

        std::string label;  // what errors call it
        CreationSite site;
        Clock::time_point since;
        TaskCancellation cancellation;
        bool asked = false;  // to cancel; it is in asked_, not in running_
        std::unique_ptr<TaskBody> body;
        std::exception_ptr error;
    };
    using Tasks = std::list<Task>;

  public:
    explicit TaskGroup(asio::any_io_executor executor) noexcept : executor_(std::move(executor)) {}
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    ~TaskGroup() {
        for (const Task& task : failed_) print_undelivered(task);
    }

    // A task's place inside. If it dies before the start, nothing was; after it, the task's context died.
    class Place {
      public:
        Place(std::shared_ptr<TaskGroup> group, Tasks::iterator task) noexcept
            : group_(std::move(group)), task_(task) {}
        Place(Place&& other) noexcept
            : group_(std::move(other.group_)), task_(other.task_), started_(other.started_) {}
        Place& operator=(Place&&) = delete;
        ~Place() {
            if (!group_) return;
            if (started_) {
                lost();
            } else {
                ended(nullptr);
            }
        }

        // Starts the task; its coroutine never begins inside this call. Errors: std::bad_alloc, and then
        // `body` still is what it was.
        template <class Body>
        void start(std::unique_ptr<Body>& body);

      private:
        friend class TaskGroup;
        TaskBody& body() const noexcept { return *task_->body; }
        void ended(const std::exception_ptr& error) noexcept {
            const std::shared_ptr<TaskGroup> group = std::move(group_);
            group->leave(task_, error, false);
        }
        void lost() noexcept;

        std::shared_ptr<TaskGroup> group_;
        Tasks::iterator task_;
        bool started_ = false;
    };

    // Lets a task in; nothing if the group is closed.
    std::optional<Place> enter(std::string_view name, CreationSite site) {
        Tasks entering;
        entering.emplace_back(name, site);
        const std::lock_guard lock(mutex_);
        if (closed_) return std::nullopt;
        running_.splice(running_.end(), entering);
        return Place(shared_from_this(), std::prev(running_.end()));
    }

    const asio::any_io_executor& executor() const noexcept { return executor_; }

    void close() noexcept {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        note_over();
    }
    bool closed() const noexcept {
        const std::lock_guard lock(mutex_);
        return closed_;
    }
    // Closed, and nobody is inside.
    bool over() const noexcept { return over_.done(); }

    // Asks everybody inside to cancel; who ends with operation_aborted then has not failed.
    void cancel_all() noexcept {
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

    asio::awaitable<void> wait() { return over_.wait(this->shared_from_this()); }

    // Awaits `over`, a wait() of this group, then throws what has failed. If it is itself cancelled, it asks
    // the tasks to cancel, and goes on waiting.
    static asio::awaitable<void> join(std::shared_ptr<TaskGroup> self, asio::awaitable<void> over) {
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

    // For a group whose owner died without joining it; that was reported.
    void abandon() noexcept {
        close();
        cancel_all();
    }

    // Who is inside, the oldest first.
    std::vector<Occupant> occupants() const {
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
    std::size_t size() const noexcept {
        const std::lock_guard lock(mutex_);
        return running_.size() + asked_.size();
    }

  private:
    // What is posted; outlives a post that fails.
    class Start {
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

    static asio::awaitable<void> drive(Place place) {
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

    void leave(Tasks::iterator task, std::exception_ptr error, bool lost) noexcept {
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
    void note_over() noexcept {
        if (closed_ && running_.empty() && asked_.empty() && !over_.done()) over_.complete(nullptr);
    }

    std::exception_ptr take_error() noexcept {
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

    static Failure failure_of(const Task& task) noexcept {
        return Failure(task.error, task.label, task.site);
    }

    static void print_undelivered(const Task& task) noexcept {
        try {
            const std::string message = message_of(task.error);
            Line line;
            line << "asyncdrop: the " << task.label << ", started at " << task.site
                 << ", failed, and nobody joined it: " << message;
            print(line.view(), task.label, task.site);
        } catch (...) {  // no memory
        }
    }

    const asio::any_io_executor executor_;
    Completion over_;
    mutable std::mutex mutex_;
    Tasks running_;
    Tasks asked_;
    Tasks failed_;
    bool closed_ = false;
};

template <class Body>
void TaskGroup::Place::start(std::unique_ptr<Body>& body) {
    const auto start = std::make_shared<Start>(SerialExecutor::of(group_->executor()));
    Body& started = *body;
    const TaskCancellation cancellation = start->cancellation();
    started.connect(cancellation);
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
        task_->body.release();
        body.reset(&started);
        throw;
    }
}

inline void TaskGroup::Place::lost() noexcept {
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
