// The nonce is the place. The ledger makes sure that a place is sealed once: offsets of a segment only grow,
// so the last one taken says which are used.
#include "demofs/crypto/nonce.hpp"

#include <stdexcept>

namespace demofs::crypto {

Nonce nonce_for(std::uint64_t byte_offset, Part part, std::uint16_t piece) noexcept {
    Nonce nonce{};
    for (unsigned i = 0; i < 8; ++i) nonce[i] = static_cast<std::byte>(byte_offset >> (8 * i));
    nonce[8] = static_cast<std::byte>(part);
    nonce[9] = static_cast<std::byte>(piece);
    nonce[10] = static_cast<std::byte>(piece >> 8);
    return nonce;
}

Nonce PieceNonces::of(std::uint32_t piece) const {
    if (piece >= count_) throw std::logic_error("a nonce was not taken");
    return nonce_for(byte_offset_, Part::payload, static_cast<std::uint16_t>(piece));
}

namespace {

void advance(std::optional<std::uint64_t>& last, std::uint64_t byte_offset) {
    if (last && byte_offset <= *last) throw std::logic_error("a nonce would be used twice");
    last = byte_offset;
}

}  // namespace

Nonce NonceLedger::take_header(std::uint64_t byte_offset) {
    advance(last_header_, byte_offset);
    return nonce_for(byte_offset, Part::header);
}

PieceNonces NonceLedger::take_payload(std::uint64_t byte_offset, std::uint32_t pieces) {
    if (pieces == 0 || pieces > 65'536) throw std::logic_error("a payload has 1 to 65,536 pieces");
    advance(last_payload_, byte_offset);
    return PieceNonces(byte_offset, pieces);
}

}  // namespace demofs::crypto
