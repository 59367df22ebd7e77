// expect: with_async_drop takes at least one factory or guard and a body
// As in a bracket without a deadline.
#include <asyncdrop/drop_deadline.hpp>

#include "file.hpp"

boost::asio::awaitable<void> run() {
    const auto deadline = asyncdrop::drop_deadline(std::chrono::seconds(5));
    const auto open = [] { return open_file(); };
    const auto body = [](File&) {};
    const auto map = asyncdrop::error_map([](std::exception_ptr error) { return error; });
#ifdef MISTAKE
    co_await asyncdrop::with_async_drop(body, map, deadline);
#else
    co_await asyncdrop::with_async_drop(open, body, map, deadline);
#endif
}
