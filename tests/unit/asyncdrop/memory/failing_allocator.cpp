#include "tests/unit/asyncdrop/memory/failing_allocator.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

#include "tests/support/sanitized.hpp"

namespace {

long left = 0;  // allocations until one fails; zero: none does
bool failed = false;
int pauses = 0;

#ifndef PROJECT_TEST_SANITIZED
bool fails_now() {
    if (pauses > 0 || left == 0) return false;
    if (--left > 0) return false;
    failed = true;
    return true;
}
#endif

}  // namespace

namespace failing_allocator {

bool available() {
#ifdef PROJECT_TEST_SANITIZED
    return false;
#else
    return true;
#endif
}

void fail(long n) {
    left = n;
    failed = false;
}

bool stop() {
    left = 0;
    return failed;
}

Pause::Pause() {
    ++pauses;
}

Pause::~Pause() {
    --pauses;
}

}  // namespace failing_allocator

#ifndef PROJECT_TEST_SANITIZED
void* operator new(std::size_t size) {
    void* const p = fails_now() ? nullptr : std::malloc(size);
    if (!p) throw std::bad_alloc();
    return p;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return fails_now() ? nullptr : std::malloc(size);
}
void operator delete(void* p) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    return fails_now() ? nullptr : memalign(alignment, size);
}
#endif
