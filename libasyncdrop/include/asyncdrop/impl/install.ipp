// The mark in an execution context; see install.hpp.
#pragma once

#include <asyncdrop/detail/handle_core.hpp>
#include <asyncdrop/install.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

namespace asyncdrop::detail {

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

ASYNCDROP_DECL void install_mark(boost::asio::execution_context& context,
                                 const boost::asio::any_io_executor& executor) {
    // Constructed for their services, which must be older than ours.
    [[maybe_unused]] const auto strand = boost::asio::make_strand(executor);
    [[maybe_unused]] const boost::asio::steady_timer timer(executor);
    boost::asio::use_service<ContextMark>(context);
}

}  // namespace asyncdrop::detail
