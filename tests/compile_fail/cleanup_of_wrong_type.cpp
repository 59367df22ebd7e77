// expect: returns another type than a guard can await
// g++ 12: error: static assertion failed: AsyncDropGuard<T>: the cleanup of T returns another type than a guard can await. It must be asio::awaitable<void>, an awaitable of a result, or void.
#include "file.hpp"

struct Plain {
#ifdef MISTAKE
    bool async_drop_impl() noexcept { return true; }
#else
    void async_drop_impl() noexcept {}
#endif
};

bool run() {
    auto guard = asyncdrop::make_guard<Plain>();
    return guard.is_dropped();
}
