// The cleanup of a box that is a plain function; see box.hpp.
#pragma once

#include <asyncdrop/box.hpp>

namespace asyncdrop::detail {

ASYNCDROP_DECL asio::awaitable<void> drop_as_coroutine(void (*drop)(void*) noexcept, void* value) {
    drop(value);
    co_return;
}

}  // namespace asyncdrop::detail
