// expect: drop_deadline is for guards, boxes and Arcs
// The same where a factory makes the stack.
#include <asyncdrop/drop_deadline.hpp>
#include <asyncdrop/stack.hpp>

#include "file.hpp"

boost::asio::awaitable<void> run() {
    const auto deadline = asyncdrop::drop_deadline(std::chrono::seconds(5));
#ifdef MISTAKE
    const auto open = [] { return asyncdrop::AsyncDropStack(); };
    const auto body = [](asyncdrop::AsyncDropStack&) {};
#else
    const auto open = [] { return open_file(); };
    const auto body = [](File&) {};
#endif
    co_await asyncdrop::with_async_drop(open, body, deadline);
}
