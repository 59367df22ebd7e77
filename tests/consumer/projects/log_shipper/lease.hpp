// Lease: the right to ship to a peer, of code whose errors are values and which never throws for one.
#pragma once

#include <asyncdrop/exception_to_error.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/result.hpp>
#include <exception>

namespace log_shipper {

namespace asio = boost::asio;

enum class LeaseError { refused, expired, unknown };

class Lease {
  public:
    using Guard = asyncdrop::AsyncDropGuard<Lease>;

    Lease(asyncdrop::Passkey<Lease>, bool expires) : expires_(expires) {}
    Lease(Lease&&) noexcept = default;

    static boost::system::result<Guard, LeaseError> take(bool granted, bool expires) {
        if (!granted) return LeaseError::refused;
        return asyncdrop::make_guard<Lease>(expires);
    }

    /// Gives the lease back.
    asio::awaitable<boost::system::result<void, LeaseError>> async_drop_impl() {
        const auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        boost::system::result<void, LeaseError> given_back;
        if (expires_) given_back = LeaseError::expired;
        co_return given_back;
    }

  private:
    bool expires_;
};

}  // namespace log_shipper

/// What a lease's owner is told if an exception comes up, of memory that is short for example.
template <>
struct asyncdrop::exception_to_error<log_shipper::LeaseError> {
    static log_shipper::LeaseError convert(const std::exception_ptr&) noexcept {
        return log_shipper::LeaseError::unknown;
    }
};
