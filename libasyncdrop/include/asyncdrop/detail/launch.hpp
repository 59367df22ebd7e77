// Starts coroutines, and cancels them, without the cost of Asio's templates in the caller.
//
// Threads: may be called from any thread; what is started or posted runs on the given executor.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <memory>

namespace asyncdrop::detail {

// A stack of its own that nobody waits for.
void launch(const boost::asio::any_io_executor& executor, boost::asio::awaitable<void> work);

// A stack of its own that `signal` may cancel; the signal outlives it.
[[nodiscard]] boost::asio::awaitable<void> launch_cancellable(const boost::asio::any_io_executor& executor,
                                                              boost::asio::awaitable<void> work,
                                                              boost::asio::cancellation_signal& signal);

// Emits a terminal cancellation on the executor, if the signal is still alive by then. Without memory it does
// not, and what was to be cancelled goes on.
void emit_on(const boost::asio::any_io_executor& executor,
             std::weak_ptr<boost::asio::cancellation_signal> signal) noexcept;

}  // namespace asyncdrop::detail

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/launch.ipp>
#endif
