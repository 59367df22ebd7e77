// expect: no matching (member )?function for call to '.*async_drop
// g++ 12: error: no matching function for call to 'asyncdrop::AsyncDropGuard<File>::async_drop() const'
// async_drop changes the guard, so its binding must not be const.
#include "file.hpp"

boost::asio::awaitable<void> run() {
#ifdef MISTAKE
    const auto file = open_file();
    co_await file.async_drop();
#else
    auto file = open_file();
    co_await file.async_drop();
#endif
}
