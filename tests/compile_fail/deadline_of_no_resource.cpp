// expect: drop_deadline is for guards, boxes and Arcs
// g++ 12: error: static assertion failed: drop_deadline is for guards, boxes and Arcs
// A stack has no name and no place that a report could tell; what is on it has.
#include <asyncdrop/drop_deadline.hpp>
#include <asyncdrop/stack.hpp>

#include "file.hpp"

boost::asio::awaitable<void> run() {
    const auto deadline = asyncdrop::drop_deadline(std::chrono::seconds(5));
#ifdef MISTAKE
    asyncdrop::AsyncDropStack stack;
    const auto body = [](asyncdrop::AsyncDropStack&) {};
    co_await asyncdrop::with_async_drop(stack, body, deadline);
#else
    auto file = open_file();
    const auto body = [](File&) {};
    co_await asyncdrop::with_async_drop(file, body, deadline);
#endif
}
