#include "tests/unit/asyncdrop/errors/thrown_exceptions.hpp"

#include <dlfcn.h>

#include "tests/support/sanitized.hpp"

namespace {

long thrown = 0;

}  // namespace

namespace asyncdrop_test {

bool counts_exceptions() {
#ifdef PROJECT_TEST_SANITIZED
    return false;
#else
    return true;
#endif
}

long thrown_exceptions() {
    return thrown;
}

}  // namespace asyncdrop_test

#ifndef PROJECT_TEST_SANITIZED
// Every throw expression calls this; the one of the C++ library is called in turn.
extern "C" [[noreturn]] void __cxa_throw(void* object, void* type, void (*destroy)(void*)) {
    ++thrown;
    using Throw = void (*)(void*, void*, void (*)(void*));
    static const auto original = reinterpret_cast<Throw>(dlsym(RTLD_NEXT, "__cxa_throw"));
    original(object, type, destroy);
    __builtin_unreachable();
}
#endif
