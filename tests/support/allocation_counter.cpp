#include "tests/support/allocation_counter.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/support/sanitized.hpp"

namespace {

std::atomic<long> count{0};

}  // namespace

namespace test_support {

bool counts_allocations() {
#ifdef PROJECT_TEST_SANITIZED
    return false;
#else
    return true;
#endif
}

long allocations() {
    return count;
}

}  // namespace test_support

#ifndef PROJECT_TEST_SANITIZED
void* operator new(std::size_t size) {
    ++count;
    if (void* const p = std::malloc(size)) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    ++count;
    return memalign(alignment, size);
}
#endif
