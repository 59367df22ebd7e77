// expect: nodiscard
// Without co_await nothing happens.
#include "file.hpp"

boost::asio::awaitable<void> run(asyncdrop::AsyncDropGuard<File>& file) {
#ifdef MISTAKE
    file.async_drop();
    co_return;
#else
    co_await file.async_drop();
#endif
}
