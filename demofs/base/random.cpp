// All randomness comes from the system by way of libsodium. There is no fallback: without it nothing may be
// encrypted.
#include "demofs/base/random.hpp"

#include <sodium.h>

#include <cstdlib>

namespace demofs {

void fill_random(MutableByteSpan out) {
    static const bool ready = sodium_init() >= 0;
    if (!ready) std::abort();  // without randomness no key or id may be made
    randombytes_buf(out.data(), out.size());
}

}  // namespace demofs
