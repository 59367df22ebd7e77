// Drops beside each other; see drop_concurrently.hpp.
#pragma once

#include <asyncdrop/drop_concurrently.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/impl/droppable.ipp>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <type_traits>
#include <utility>

namespace asyncdrop::detail {

// Starts all jobs and calls its handler when the last one has ended.
class StartJobs {
  public:
    explicit StartJobs(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    template <class Handler>
    void operator()(Handler&& handler, std::span<DropJob> jobs) {
        using Kept = std::decay_t<Handler>;
        std::shared_ptr<Join<Kept>> join;
        try {
            join = std::make_shared<Join<Kept>>(jobs.size() + 1);
        } catch (...) {
            for (DropJob& job : jobs) job.failure.error = std::current_exception();
            std::forward<Handler>(handler)();
            return;
        }
        std::construct_at(&join->handler, std::forward<Handler>(handler));
        join->has_handler = true;
        for (DropJob& job : jobs) {
            try {
                boost::asio::co_spawn(executor_, note_ending(job.start(job.guard), job.ending),
                                      [join, job_ptr = &job](const std::exception_ptr& error) {
                                          if (error) job_ptr->failure.error = error;
                                          join->one_ended();
                                      });
            } catch (...) {  // it did not start: its guard is still armed, the others go on
                job.failure.error = std::current_exception();
                join->one_ended();
            }
        }
        join->one_ended();
    }

  private:
    // Counts the running jobs, and one more for the loop that starts them.
    template <class Handler>
    struct Join {
        explicit Join(std::size_t count) noexcept : running(count) {}
        Join(const Join&) = delete;
        Join& operator=(const Join&) = delete;
        ~Join() {
            if (has_handler) std::destroy_at(&handler);
        }

        void one_ended() {
            // acq_rel: the last one to end sees what all the others wrote into their jobs.
            if (running.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
            Handler last = std::move(handler);
            std::move(last)();
        }

        std::atomic<std::size_t> running;
        bool has_handler = false;
        union {
            Handler handler;
        };
    };

    boost::asio::any_io_executor executor_;
};

ASYNCDROP_DECL boost::asio::awaitable<void> run_concurrently(std::span<DropJob> jobs) {
    if (!jobs.empty()) {
        const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        co_await even_if_cancelled;
        auto token =
            boost::asio::bind_cancellation_slot(boost::asio::cancellation_slot(), boost::asio::use_awaitable);
        StartJobs start(executor);
        try {
            boost::asio::awaitable<void> all_ended =
                boost::asio::async_initiate<decltype(token), void()>(std::move(start), token, jobs);
            co_await std::move(all_ended);
        } catch (...) {  // no memory to start them beside each other
            for (DropJob& job : jobs) job.failure.error = std::current_exception();
        }
        for (DropJob& job : jobs) {
            if (job.ending.ended()) job.failure.error = job.ending.error;
            if (!job.not_started()) continue;
            co_await even_if_cancelled;
            try {
                boost::asio::awaitable<void> again = run_and_note<DropJob&>(job, false);
                co_await std::move(again);
            } catch (...) {  // no memory, again: its guard stays armed
            }
        }
    }
    co_await boost::asio::this_coro::throw_if_cancelled(true);
}

}  // namespace asyncdrop::detail
