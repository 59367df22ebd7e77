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
#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/error.hpp>
#include <asyncdrop/occupant.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asyncdrop::detail {

namespace asio = boost::asio;

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

    void request(asio::cancellation_type type) const noexcept;

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
    ~TaskGroup();

    // A task's place inside. If it dies before the start, nothing was; after it, the task's context died.
    class Place {
      public:
        Place(std::shared_ptr<TaskGroup> group, Tasks::iterator task) noexcept
            : group_(std::move(group)), task_(task) {}
        Place(Place&& other) noexcept
            : group_(std::move(other.group_)), task_(other.task_), started_(other.started_) {}
        Place& operator=(Place&&) = delete;
        ~Place();

        // Starts the task; its coroutine never begins inside this call. Errors: std::bad_alloc, and then
        // `body` still is what it was.
        template <class Body>
        void start(std::unique_ptr<Body>& body);

      private:
        friend class TaskGroup;
        void start_body(std::unique_ptr<TaskBody>& body);
        TaskBody& body() const noexcept { return *task_->body; }
        void ended(const std::exception_ptr& error) noexcept;
        void lost() noexcept;

        std::shared_ptr<TaskGroup> group_;
        Tasks::iterator task_;
        bool started_ = false;
    };

    // Lets a task in; nothing if the group is closed.
    std::optional<Place> enter(std::string_view name, CreationSite site);

    const asio::any_io_executor& executor() const noexcept { return executor_; }

    void close() noexcept;
    bool closed() const noexcept {
        const std::lock_guard lock(mutex_);
        return closed_;
    }
    // Closed, and nobody is inside.
    bool over() const noexcept { return over_.done(); }

    // Asks everybody inside to cancel; who ends with operation_aborted then has not failed.
    void cancel_all() noexcept;

    asio::awaitable<void> wait() { return over_.wait(this->shared_from_this()); }

    // Awaits `over`, a wait() of this group, then throws what has failed. If it is itself cancelled, it asks
    // the tasks to cancel, and goes on waiting.
    static asio::awaitable<void> join(std::shared_ptr<TaskGroup> self, asio::awaitable<void> over);

    // For a group whose owner died without joining it; that was reported.
    void abandon() noexcept;

    // Who is inside, the oldest first.
    std::vector<Occupant> occupants() const;
    std::size_t size() const noexcept {
        const std::lock_guard lock(mutex_);
        return running_.size() + asked_.size();
    }

  private:
    class Start;

    static asio::awaitable<void> drive(Place place);

    void leave(Tasks::iterator task, std::exception_ptr error, bool lost) noexcept;

    void note_over() noexcept;  // with the mutex held

    std::exception_ptr take_error() noexcept;

    static Failure failure_of(const Task& task) noexcept;
    static void print_undelivered(const Task& task) noexcept;

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
    Body& started = *body;
    std::unique_ptr<TaskBody> taken = std::move(body);
    try {
        start_body(taken);
    } catch (...) {
        taken.release();
        body.reset(&started);
        throw;
    }
}

}  // namespace asyncdrop::detail

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/task_group.ipp>
#endif
