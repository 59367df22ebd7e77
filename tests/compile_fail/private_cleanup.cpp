// expect: async_drop_impl cannot be called
// g++ 12: error: static assertion failed: AsyncDropGuard<T>: T::async_drop_impl cannot be called. It must be public, take no arguments, and be a plain member function.
#include "file.hpp"

class Plain {
#ifndef MISTAKE
  public:
#endif
    void async_drop_impl() noexcept {}
};

bool run() {
    auto guard = asyncdrop::make_guard<Plain>();
    return guard.is_dropped();
}
