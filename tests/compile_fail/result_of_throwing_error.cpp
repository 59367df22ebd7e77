// expect: E must be nothrow move constructible
// g++ 12: error: static assertion failed: AsyncDropResult<T, E>: E must be nothrow move constructible, like everything in a guard
// A result lives in a guard, which moves without exceptions.
#include <asyncdrop/result.hpp>

#include "file.hpp"

struct Trouble {
    Trouble() = default;
#ifdef MISTAKE
    Trouble(Trouble&&) {}
#else
    Trouble(Trouble&&) noexcept {}
#endif
};

bool run() {
    auto result = asyncdrop::AsyncDropResult<File, Trouble>::failure(Trouble());
    return result->has_value();
}
