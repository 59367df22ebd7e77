// Resources whose cleanup returns its error, and a result type that is not Boost's.
//
// Threads: single-threaded tests.
#pragma once

#include <asyncdrop/async_drop.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace asyncdrop_test {

namespace asio = boost::asio;
namespace errc = boost::system::errc;
using boost::system::error_code;
template <class T>
using Result = boost::system::result<T, error_code>;

/// Its cleanup fails with a given code, or throws, or succeeds; `closed` counts those that ran.
class Valued {
  public:
    Valued(asyncdrop::Passkey<Valued>, int& closed, error_code error = {})
        : closed_(&closed), error_(error) {}
    Valued(Valued&&) noexcept = default;

    asio::awaitable<Result<void>> async_drop_impl() {
        const auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
        ++*closed_;
        if (throws) throw std::runtime_error("thrown by the cleanup");
        if (error_) co_return Result<void>(boost::system::in_place_error, error_);
        co_return Result<void>();
    }

    bool throws = false;

  private:
    int* closed_;
    error_code error_;
};

inline error_code io_error() {
    return errc::make_error_code(errc::io_error);
}

/// A minimal result that is not Boost's, with an error type of its own.
struct Mistake {
    std::string text;
};
class Outcome {
  public:
    Outcome() = default;
    explicit Outcome(std::string text) : mistake_{std::move(text)}, failed_(true) {}
    bool has_value() const noexcept { return !failed_; }
    const Mistake& error() const noexcept { return mistake_; }

  private:
    Mistake mistake_;
    bool failed_ = false;
};

/// A cleanup that cannot fail, as a coroutine.
class Infallible {
  public:
    Infallible(asyncdrop::Passkey<Infallible>, int& closed) : closed_(&closed) {}
    Infallible(Infallible&&) noexcept = default;
    asio::awaitable<boost::system::result<void, asyncdrop::never>> async_drop_impl() {
        ++*closed_;
        co_return boost::system::result<void, asyncdrop::never>();
    }

  private:
    int* closed_;
};

/// A type nobody may change, with a close() of its own.
struct Foreign {
    int* closed;
    bool fails = false;
    asio::awaitable<Outcome> close() {
        ++*closed;
        if (fails) co_return Outcome("foreign");
        co_return Outcome();
    }
};

/// A foreign type that is closed by a plain function.
struct Handle {
    int* closed;
};

}  // namespace asyncdrop_test

template <>
struct asyncdrop::async_drop_traits<asyncdrop_test::Foreign> {
    static boost::asio::awaitable<asyncdrop_test::Outcome> async_drop(asyncdrop_test::Foreign& foreign) {
        return foreign.close();
    }
};
template <>
struct asyncdrop::async_drop_traits<asyncdrop_test::Handle> {
    static void async_drop(asyncdrop_test::Handle& handle) noexcept { ++*handle.closed; }
};
template <>
struct asyncdrop::exception_to_error<asyncdrop_test::Mistake> {
    static asyncdrop_test::Mistake convert(const std::exception_ptr&) noexcept {
        return asyncdrop_test::Mistake{"an exception"};
    }
};
