// Worker threads for what must not run on an executor's thread: blocking I/O and encryption of larger pieces.
//
// A round trip costs two thread wake-ups and the allocation of the posted completion: the job, its result and
// the handle of the waiting coroutine live in that coroutine's frame, and the queue links them through
// pointers.
//
// Threads: `run` may be called on any executor; the job runs on a worker, its caller resumes on its own
// executor. Invariants:
//   * an accepted job is always run to its end, and only then its caller resumes, cancelled or not: whatever
//     the caller owns may be lent to the job by reference;
//   * once closing, the pool accepts no job any more.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/guard.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace demofs {

class WorkerPool {
  public:
    WorkerPool(asyncdrop::Passkey<WorkerPool>, std::size_t threads);
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;
    /// Joins the threads, which blocks until running jobs end, if `async_drop_impl` has not done it.
    ~WorkerPool();

    /// Starts `threads` workers, at least one, with all signals blocked. In a box, because users keep
    /// references. Throws std::system_error if the system refuses a thread.
    [[nodiscard]] static asyncdrop::AsyncDropBox<WorkerPool> make(std::size_t threads);

    /// Runs `job()` on a worker and returns what it returns or throws what it throws. Pass a named object,
    /// never a lambda expression with captures (g++ 12 destroys those twice). A cancelled caller's job is not
    /// started; a job once accepted is not interrupted, and its result is delivered. Throws
    /// Error(Errc::closed) once the pool is being dropped.
    template <class F>
    [[nodiscard]] boost::asio::awaitable<std::invoke_result_t<F&>> run(F job) {
        JobOf<F> task(std::move(job));
        co_await submit(task);
        co_return task.take();
    }

    /// The number of worker threads.
    [[nodiscard]] std::size_t size() const noexcept { return threads_.size(); }

    /// Accepts no more jobs, waits without blocking until all accepted ones have ended, then ends the
    /// threads.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;

    class Job {
      public:
        Job() = default;
        Job(const Job&) = delete;
        Job& operator=(const Job&) = delete;
        virtual ~Job() = default;
        virtual void execute() noexcept = 0;

      protected:
        void throw_if_refused() const;

      private:
        friend class WorkerPool;
        std::optional<Handler> caller_;
        Job* next_ = nullptr;
        bool refused_ = false;
    };

    template <class F>
    class JobOf final : public Job {
        using R = std::invoke_result_t<F&>;
        static_assert(!std::is_reference_v<R>, "a job returns a value");

      public:
        explicit JobOf(F&& function) : function_(std::move(function)) {}

        void execute() noexcept override {
            try {
                if constexpr (std::is_void_v<R>) {
                    function_();
                } else {
                    outcome_.template emplace<1>(function_());
                }
            } catch (...) {
                outcome_.template emplace<2>(std::current_exception());
            }
        }

        R take() {
            throw_if_refused();
            if (outcome_.index() == 2) std::rethrow_exception(std::get<2>(outcome_));
            if constexpr (!std::is_void_v<R>) return std::move(std::get<1>(outcome_));
        }

      private:
        F function_;
        std::variant<std::monostate, std::conditional_t<std::is_void_v<R>, std::monostate, R>,
                     std::exception_ptr>
            outcome_;
    };

    boost::asio::awaitable<void> submit(Job& job);
    boost::asio::awaitable<void> all_workers_ended();
    void accept(Job& job, Handler caller);
    void close(Handler closer);
    void work() noexcept;
    void join() noexcept;
    static void resume(Handler handler) noexcept;

    std::vector<std::thread> threads_;
    std::mutex mutex_;  // guards everything below
    std::condition_variable wake_workers_;
    Job* first_ = nullptr;
    Job* last_ = nullptr;
    std::size_t live_workers_ = 0;
    bool closing_ = false;
    std::optional<Handler> closer_;  // resumed by the last worker that ends
};

}  // namespace demofs
