// The few things of Asio's namespace detail that the library needs, in one place, by Asio's version.
//
// Tried with Asio of Boost 1.81 to 1.90; scripts/check_asio tries another.
//
// Threads: as said.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/detail/call_stack.hpp>
#include <boost/asio/detail/thread_context.hpp>
#include <boost/asio/detail/thread_info_base.hpp>
#include <boost/asio/version.hpp>
#include <utility>

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

// How a cancellation reaches a stack of coroutines: the slot that its starter gave it, and the state that Asio
// makes of it and asks at every await. By default there is none.
struct CancellationRoute {
    boost::asio::cancellation_slot slot;
    boost::asio::cancellation_state state;
};

using StackFrame = boost::asio::detail::awaitable_frame_base<boost::asio::any_io_executor>;
using Stack = boost::asio::detail::awaitable_thread<boost::asio::any_io_executor>;
using StackBottom = boost::asio::detail::awaitable_frame<boost::asio::detail::awaitable_thread_entry_point,
                                                         boost::asio::any_io_executor>;

inline Stack* StackFrame::* stack_member() noexcept;
inline boost::asio::cancellation_slot StackBottom::* slot_member() noexcept;
inline boost::asio::cancellation_state StackBottom::* state_member() noexcept;

// Asio has no door to these members; an explicit instantiation may name private ones.
template <Stack* StackFrame::* stack, boost::asio::cancellation_slot StackBottom::* slot,
          boost::asio::cancellation_state StackBottom::* state>
struct RouteMembers {
    friend inline Stack* StackFrame::* stack_member() noexcept { return stack; }
    friend inline boost::asio::cancellation_slot StackBottom::* slot_member() noexcept { return slot; }
    friend inline boost::asio::cancellation_state StackBottom::* state_member() noexcept { return state; }
};
template struct RouteMembers<&StackFrame::attached_thread_, &StackBottom::parent_cancellation_slot_,
                             &StackBottom::cancellation_state_>;

// `co_await exchange` exchanges the route of the awaiting stack with `route`, which the coroutine keeps. It
// allocates nothing, fails never, and is refused by no cancellation. (Asio calls such a function object when
// the coroutine is suspended, and resumes it at once.)
class ExchangeRoute {
  public:
    explicit ExchangeRoute(CancellationRoute& route) noexcept : route_(&route) {}
    Stack* operator()(StackFrame* frame) const noexcept {
        StackBottom& bottom = *(frame->*stack_member())->entry_point();
        std::swap(bottom.*slot_member(), route_->slot);
        std::swap(bottom.*state_member(), route_->state);
        return nullptr;
    }

  private:
    CancellationRoute* route_;
};

}  // namespace asyncdrop::detail
