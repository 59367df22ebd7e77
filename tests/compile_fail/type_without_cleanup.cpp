// expect: T has no cleanup
#include "file.hpp"

struct Plain {
#ifndef MISTAKE
    void async_drop_impl() noexcept {}
#endif
};

bool run() {
    auto guard = asyncdrop::make_guard<Plain>();
    return guard.is_dropped();
}
