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

#include <asyncdrop/detail/guard_core.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

namespace asyncdrop {

namespace detail {

// Raises contexts_in_destruction from the context's shutdown until its services are destroyed.
class ContextMark : public boost::asio::execution_context::service {
  public:
    using key_type = ContextMark;

    explicit ContextMark(boost::asio::execution_context& context) : service(context) {}
    ~ContextMark() override {
        if (raised_) --contexts_in_destruction;
    }

    static inline boost::asio::execution_context::id id;

  private:
    void shutdown() noexcept override {
        if (!raised_) ++contexts_in_destruction;
        raised_ = true;
    }

    bool raised_ = false;
};

}  // namespace detail

/// Installs the mark in an io_context, a thread_pool or another context with an executor.
template <class Context>
void install(Context& context) {
    // Constructed for their services, which must be older than ours.
    [[maybe_unused]] const auto strand = boost::asio::make_strand(context);
    [[maybe_unused]] const boost::asio::steady_timer timer(context);
    boost::asio::use_service<detail::ContextMark>(context);
}

}  // namespace asyncdrop
