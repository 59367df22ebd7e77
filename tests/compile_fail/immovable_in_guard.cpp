// expect: T must be nothrow move constructible
// g++ 12: error: static assertion failed: AsyncDropGuard<T> holds its T inline, so T must be nothrow move constructible; use AsyncDropBox<T> (make_box) for other types
#include "file.hpp"

struct Immovable {
    Immovable() = default;
    Immovable(Immovable&&) = delete;
    void async_drop_impl() noexcept {}
};

bool run() {
#ifdef MISTAKE
    auto guard = asyncdrop::make_guard<Immovable>();
#else
    auto guard = asyncdrop::make_box<Immovable>();
#endif
    return guard.is_dropped();
}
