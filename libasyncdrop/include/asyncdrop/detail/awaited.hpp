// What comes out of a call: R of an awaitable of R, of whatever executor type; anything else is itself.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace asyncdrop::detail {

template <class R>
struct Awaited {
    using type = R;
    using executor_type = boost::asio::any_io_executor;
    static constexpr bool is_awaitable = false;
};
template <class R, class Executor>
struct Awaited<boost::asio::awaitable<R, Executor>> {
    using type = R;
    using executor_type = Executor;
    static constexpr bool is_awaitable = true;
};

}  // namespace asyncdrop::detail
