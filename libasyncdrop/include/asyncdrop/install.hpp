// install(context): lets reports tell that a guard died because its execution context was destroyed.
//
// An execution context that is destroyed with coroutines suspended in it destroys their frames, and the
// guards in them, without running any cleanup. To a guard this looks like the normal end of its scope.
// `install` registers a service whose shutdown marks the thread while that happens.
//
// Why the order of registration matters: a context shuts its services down newest first, and each destroys
// the handlers it holds. So everything that can hold a handler (strands, timers, sockets) must be older than
// the mark: install makes one strand and one timer first. Call it right after the context was made, on the
// thread that made it, once for each context; a second call does nothing.
//
// Without install, a guard that was made inside a running context and dies outside of any is reported with
// reason `unknown` instead.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>

namespace asyncdrop {

namespace detail {

// Puts the mark into a context that `executor` belongs to.
void install_mark(boost::asio::execution_context& context, const boost::asio::any_io_executor& executor);

}  // namespace detail

/// Installs the mark in an io_context, a thread_pool or another context with an executor.
template <class Context>
void install(Context& context) {
    detail::install_mark(context, context.get_executor());
}

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/install.ipp>
#endif
