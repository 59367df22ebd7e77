// expect: T has no cleanup
// Synchronous cleanup cannot fail, so it must be noexcept.
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
