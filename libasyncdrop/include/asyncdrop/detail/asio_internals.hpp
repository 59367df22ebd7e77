// The few things of Asio's namespace detail that the library needs, in one place, by Asio's version.
//
// Tried with Asio of Boost 1.81 to 1.90; scripts/check_asio tries another.
//
// Threads: as said.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/detail/call_stack.hpp>
#include <boost/asio/detail/thread_context.hpp>
#include <boost/asio/detail/thread_info_base.hpp>
#include <boost/asio/version.hpp>

namespace asyncdrop::detail {

// Whether this thread is inside some execution context's run(). (What
// thread_context::top_of_thread_call_stack() reads, which is no inline function where Asio is compiled
// apart.)
inline bool inside_running_context() noexcept {
    using CallStack = boost::asio::detail::call_stack<boost::asio::detail::thread_context,
                                                      boost::asio::detail::thread_info_base>;
    return CallStack::top() != nullptr;
}

// For a coroutine that co_spawn started: `co_await SpawnedStack()` answers a question about its stack, and
// never_suspended() says what that means: the stack has never been suspended, so co_spawn will post to come
// back from it.
#if BOOST_ASIO_VERSION >= 103600
using SpawnedStack = boost::asio::detail::awaitable_thread_is_launching;
inline bool never_suspended(bool is_launching) noexcept {
    return is_launching;
}
#else
using SpawnedStack = boost::asio::detail::awaitable_thread_has_context_switched;
inline bool never_suspended(bool has_context_switched) noexcept {
    return !has_context_switched;
}
#endif

}  // namespace asyncdrop::detail
