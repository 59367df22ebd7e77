// expect: T must be nothrow move constructible
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
