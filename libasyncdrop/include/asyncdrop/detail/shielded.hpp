// Awaits a coroutine out of reach of its caller's cancellation; for waits that belong to a cleanup.
//
// As with every async_drop: a caller that is already cancelled starts it under even_if_cancelled, and
// throw_if_cancelled(true) is in force afterwards.
//
// Threads: `work` runs on the caller's stack.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <boost/asio/awaitable.hpp>

namespace asyncdrop::detail {

namespace asio = boost::asio;

asio::awaitable<void> shielded(asio::awaitable<void> work);

}  // namespace asyncdrop::detail

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/shielded.ipp>
#endif
