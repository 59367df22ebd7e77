// Random bytes for where no block lies. Nobody ever reads them, but nobody must be able to tell them from
// encrypted bytes either.
//
// Asking the system costs microseconds each time, and again for each 256 bytes: one seed serves a batch, and
// ChaCha20 stretches it, differently for each gap (libsodium, "Deterministic random data").
//
// Threads: one at a time.
#pragma once

#include <sodium/randombytes.h>

#include <array>
#include <cstdint>

#include "demofs/base/bytes.hpp"

namespace demofs::block {

class Filler {
  public:
    void fill(MutableByteSpan gap);

  private:
    std::array<unsigned char, randombytes_SEEDBYTES> seed_{};
    std::uint64_t gaps_ = 0;
};

}  // namespace demofs::block
