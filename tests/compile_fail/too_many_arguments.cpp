// expect: make_guard takes up to 8 arguments
// g++ 12: error: static assertion failed: make_guard takes up to 8 arguments: pass more with make_guard_at<T>(asyncdrop::CreationSite::here(), args...)
#include "file.hpp"

struct Nine {
    Nine(asyncdrop::Passkey<Nine>, int, int, int, int, int, int, int, int, int) {}
    Nine(Nine&&) noexcept = default;
    void async_drop_impl() noexcept {}
};

bool run() {
#ifdef MISTAKE
    auto guard = asyncdrop::make_guard<Nine>(1, 2, 3, 4, 5, 6, 7, 8, 9);
#else
    auto guard = asyncdrop::make_guard_at<Nine>(asyncdrop::CreationSite::here(), 1, 2, 3, 4, 5, 6, 7, 8, 9);
#endif
    return guard.is_dropped();
}
