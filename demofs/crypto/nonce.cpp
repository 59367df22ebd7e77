// The nonce is the place. The ledger makes sure that a place is sealed once: offsets of a segment only grow,
// so the last one taken says which are used.
#include "demofs/crypto/nonce.hpp"

#include <stdexcept>

namespace demofs::crypto {

Nonce nonce_for(std::uint64_t byte_offset, Part part) noexcept {
    Nonce nonce{};
    for (unsigned i = 0; i < 8; ++i) nonce[i] = static_cast<std::byte>(byte_offset >> (8 * i));
    nonce[8] = static_cast<std::byte>(part);
    return nonce;
}

Nonce NonceLedger::take(std::uint64_t byte_offset, Part part) {
    auto& last = part == Part::header ? last_header_ : last_payload_;
    if (last && byte_offset <= *last) throw std::logic_error("a nonce would be used twice");
    last = byte_offset;
    return nonce_for(byte_offset, part);
}

}  // namespace demofs::crypto
