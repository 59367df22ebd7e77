#pragma once
// Counts what a program allocates: operator new, and the aligned_alloc from which Asio takes coroutine
// frames.
//
// Linking it replaces both, so its users are programs of their own. A sanitizer brings its own allocator;
// with one nothing is counted, and tests skip.
//
// Threads: any.

namespace test_support {

/// Whether this program counts; not under a sanitizer.
bool counts_allocations();

/// How many allocations there have been.
long allocations();

}  // namespace test_support
