// drop_concurrently(a, b, ...): drops several independent guards at the same time, all of them whatever
// fails.
//
// Threads: the drops run as coroutines of their own on the caller's executor: interleaved on a strand or a
// single-threaded context, in parallel on a thread pool. Each guard is touched by its own drop only.
#pragma once

#include <array>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/drop_in_order.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <exception>
#include <span>

namespace asyncdrop {

namespace detail {

// Drops `jobs` concurrently and notes each one's error. The jobs outlive the call.
boost::asio::awaitable<void> run_concurrently(std::span<DropJob> jobs);

template <std::size_t N>
boost::asio::awaitable<void> drop_jobs_concurrently(std::array<DropJob, N> jobs) {
    const std::span<DropJob> all(jobs);
    co_await run_concurrently(all);
    if (const std::exception_ptr error = combined_error(jobs)) std::rethrow_exception(error);
}

}  // namespace detail

/// Drops the guards concurrently; returns when all have ended.
///
/// Errors: a failing drop never leaves another guard undropped; one error is thrown as itself, several as an
/// AsyncDropError in the order of the arguments. A drop that could not be started for lack of memory is tried
/// again after the others; if that fails, too, its guard stays armed. Cancellation: no drop sees any; a
/// cancelled coroutine awaits even_if_cancelled before. The guards must stay where they are until the
/// awaitable has completed.
template <Droppable... Guards>
[[nodiscard]] boost::asio::awaitable<void> drop_concurrently(Guards&... guards) {
    return detail::drop_jobs_concurrently(
        std::array<detail::DropJob, sizeof...(Guards)>{detail::DropJob(guards)...});
}

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/drop_concurrently.ipp>
#endif
