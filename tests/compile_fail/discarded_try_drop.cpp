// expect: (nodiscard|try_async_drop does nothing until it is awaited)
// Without co_await the file stays open.
#include "file.hpp"

boost::asio::awaitable<void> run(asyncdrop::AsyncDropGuard<File>& file) {
#ifdef MISTAKE
    file.try_async_drop();
    co_return;
#else
    const auto result = co_await file.try_async_drop();
    static_cast<void>(result);
#endif
}
