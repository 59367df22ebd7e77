#pragma once
// An allocator that fails when it is told to: operator new, and the aligned_alloc that Asio uses.
//
// Threads: for single-threaded tests.

#include <cstddef>

namespace failing_allocator {

/// Whether this program's allocations can be made to fail; not under a sanitizer, which has its own.
bool available();

/// The n-th allocation from now on fails, n = 1 being the next one; the later ones succeed.
void fail(long n);

/// No failure any more. True: one was due and has happened.
bool stop();

/// Nothing fails and nothing is counted during its life.
class Pause {
  public:
    Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;
    ~Pause();
};

}  // namespace failing_allocator
