// What bridges need that is no template; see bridge.hpp.
#pragma once

#include <asyncdrop/bridge.hpp>
#include <asyncdrop/detail/teardown_executor.hpp>

namespace asyncdrop {

ASYNCDROP_DECL ExecutorMismatch::ExecutorMismatch()
    : std::logic_error(
          "asyncdrop: this coroutine needs another type of executor than its caller's; "
          "give the resource a get_executor(), or await it on a matching executor") {}

namespace detail {

ASYNCDROP_DECL const asio::any_io_executor* inside_teardown_executor(
    const asio::any_io_executor& executor) noexcept {
    const auto* wrapper = executor.target<TeardownExecutor>();
    return wrapper ? &wrapper->inner() : nullptr;
}

}  // namespace detail

}  // namespace asyncdrop
