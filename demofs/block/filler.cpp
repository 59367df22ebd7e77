#include "demofs/block/filler.hpp"

#include <span>

#include "demofs/base/random.hpp"

namespace demofs::block {

void Filler::fill(MutableByteSpan gap) {
    if (gap.empty()) return;
    if (gaps_ == 0) fill_random(std::as_writable_bytes(std::span(seed_)));
    ++gaps_;
    std::array<unsigned char, randombytes_SEEDBYTES> seed = seed_;
    for (std::size_t i = 0; i < sizeof gaps_; ++i) seed[i] ^= static_cast<unsigned char>(gaps_ >> (8 * i));
    randombytes_buf_deterministic(gap.data(), gap.size(), seed.data());
}

}  // namespace demofs::block
