// expect: returns void and is not noexcept
// g++ 12: error: static assertion failed: AsyncDropGuard<T>: the cleanup of T returns void and is not noexcept. A synchronous cleanup cannot fail: declare it noexcept, or return asio::awaitable<void>.
#include "file.hpp"

struct Plain {
#ifdef MISTAKE
    void async_drop_impl() {}
#else
    void async_drop_impl() noexcept {}
#endif
};

bool run() {
    auto guard = asyncdrop::make_guard<Plain>();
    return guard.is_dropped();
}
