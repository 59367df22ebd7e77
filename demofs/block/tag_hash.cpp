// BLAKE2b by libsodium, whose state is kept out of the header.
#include "demofs/block/tag_hash.hpp"

#include <sodium.h>

#include <cstring>

namespace demofs::block {

struct TagHash::State {
    crypto_generichash_blake2b_state blake2b;
};

TagHash::TagHash() : state_(std::make_unique<State>()) {
    reset();
}
TagHash::TagHash(TagHash&&) noexcept = default;
TagHash& TagHash::operator=(TagHash&&) noexcept = default;
TagHash::~TagHash() = default;

void TagHash::reset() {
    crypto_generichash_blake2b_init(&state_->blake2b, nullptr, 0, 32);
}

void TagHash::add(const BlockTags& tags) {
    crypto_generichash_blake2b_update(&state_->blake2b, reinterpret_cast<const unsigned char*>(tags.data()),
                                      tags.size());
}

std::array<std::byte, 32> TagHash::take() {
    std::array<std::byte, 32> hash;
    crypto_generichash_blake2b_final(&state_->blake2b, reinterpret_cast<unsigned char*>(hash.data()),
                                     hash.size());
    reset();
    return hash;
}

}  // namespace demofs::block
