// drop_in_order(a, b, ...): drops several guards one after the other, all of them whatever fails.
//
//     asio::awaitable<void> async_drop_impl() { co_await asyncdrop::drop_in_order(cache_, database_); }
//
// For members that depend on each other: name the dependent one first, usually the reverse of construction.
//
// Threads: runs on the caller's strand; each guard belongs to it.
#pragma once

#include <array>
#include <asyncdrop/detail/droppable.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <exception>
#include <span>

namespace asyncdrop {

namespace detail {

// Drops `jobs` in order and notes each one's error. The jobs outlive the call.
boost::asio::awaitable<void> run_in_order(std::span<DropJob> jobs);

template <std::size_t N>
std::exception_ptr combined_error(const std::array<DropJob, N>& jobs) noexcept {
    std::array<Failure, N> failures;
    for (std::size_t i = 0; i < N; ++i) failures[i] = jobs[i].failure;
    return combine(nullptr, failures);
}

template <std::size_t N>
boost::asio::awaitable<void> drop_jobs_in_order(std::array<DropJob, N> jobs) {
    const std::span<DropJob> all(jobs);
    co_await run_in_order(all);
    if (const std::exception_ptr error = combined_error(jobs)) std::rethrow_exception(error);
}

}  // namespace detail

/// Drops the guards one after the other, in the order given.
///
/// Errors: a failing drop never leaves a later guard undropped; one error is thrown as itself, several as an
/// AsyncDropError. Cancellation: once started, every drop runs shielded; a cancelled coroutine awaits
/// even_if_cancelled before. The guards must stay where they are until the awaitable has completed.
template <Droppable... Guards>
[[nodiscard]] boost::asio::awaitable<void> drop_in_order(Guards&... guards) {
    return detail::drop_jobs_in_order(
        std::array<detail::DropJob, sizeof...(Guards)>{detail::DropJob(guards)...});
}

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/drop_in_order.ipp>
#endif
