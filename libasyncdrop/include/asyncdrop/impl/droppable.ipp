// Drops without their types; see detail/droppable.hpp.
#pragma once

#include <asyncdrop/detail/attempt.hpp>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>

namespace asyncdrop::detail {

// Runs a job (a DropJob, or a reference to one) and notes its error, or throws it.
template <class Job>
boost::asio::awaitable<void> run_and_note(Job job, bool throws) {
    Attempt attempt;
    do {
        co_await even_if_cancelled;
        job.failure.error = nullptr;
        try {
            boost::asio::awaitable<void> dropping = job.start(job.guard);
            co_await std::move(dropping);
        } catch (...) {
            job.failure.error = std::current_exception();
        }
    } while (attempt.again(job.not_started()));
    co_await boost::asio::this_coro::throw_if_cancelled(true);
    if (throws && job.failure.error) std::rethrow_exception(job.failure.error);
}

ASYNCDROP_DECL boost::asio::awaitable<void> run_job(DropJob job) {
    return run_and_note<DropJob>(std::move(job), true);
}

}  // namespace asyncdrop::detail
