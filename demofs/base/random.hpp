// Random bytes for keys, ids and filler.
#pragma once

#include "demofs/base/bytes.hpp"

namespace demofs {

/// Fills `out` with cryptographically secure random bytes. Any thread; aborts the process if the system has
/// none.
void fill_random(MutableByteSpan out);

}  // namespace demofs
