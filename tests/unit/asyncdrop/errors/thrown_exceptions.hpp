#pragma once
// How many exceptions this program has thrown; to show that a path does without.
//
// Threads: for single-threaded tests.

namespace asyncdrop_test {

/// False under a sanitizer, which has a hook of its own there.
bool counts_exceptions();

long thrown_exceptions();

}  // namespace asyncdrop_test
