// Invariants that protect stored data, checked in every build.
//
// Problem: `assert` is compiled out of what users run, and a broken invariant there goes on to write or
// return wrong bytes. What is cheap to check and guards data is checked with `invariant`; it ends the
// process, because the state in memory can no longer be trusted and what is on the disk still can: the next
// mount starts on the last commit. A check that costs more than what it guards (the whole tree's consistency) is
// a setting that the tests switch on; `assert` is not used, since nobody runs a build that has it.
//
// Not for anything that input, a full disk or a caller's mistake can cause: those are exceptions.
#pragma once

#include <source_location>

namespace demofs {

/// Writes "demofs: a broken invariant: SENTENCE (FILE:LINE, FUNCTION)" to standard error and to the system
/// log, then aborts. Any thread; needs no memory.
[[noreturn]] void broken_invariant(const char* sentence, const std::source_location& where) noexcept;

/// Ends the process, as broken_invariant does, unless `holds`. `sentence` says what holds, in the words of
/// its reader: "A nonce is used once."
inline void invariant(bool holds, const char* sentence,
                      const std::source_location& where = std::source_location::current()) noexcept {
    if (!holds) [[unlikely]]
        broken_invariant(sentence, where);
}

}  // namespace demofs
