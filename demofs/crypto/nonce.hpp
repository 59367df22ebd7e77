// The nonce rule of blocks: nonce = byte offset in the segment ‖ part, under a key that belongs to one
// segment.
//
// Because a segment has a random id (so a key of its own), is only appended to, and is never continued by
// another session, an offset is written once, and so is each nonce. NonceLedger asserts that instead of
// trusting it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "demofs/crypto/aead.hpp"

namespace demofs::crypto {

/// Which piece of a block is sealed. Header and payload of one block share the offset, so they need different
/// parts. Stored (as part of the nonce): never renumber.
enum class Part : std::uint8_t { header = 1, payload = 2 };

/// Bytes 0–7: byte_offset, little endian; byte 8: part; bytes 9–10: piece, little endian; byte 11: zero.
[[nodiscard]] Nonce nonce_for(std::uint64_t byte_offset, Part part, std::uint16_t piece = 0) noexcept;

/// The nonces of one payload, one for each of its pieces.
class PieceNonces {
  public:
    PieceNonces() = default;
    PieceNonces(std::uint64_t byte_offset, std::uint32_t count) noexcept
        : byte_offset_(byte_offset), count_(count) {}

    /// Throws std::logic_error for a piece that there is not.
    [[nodiscard]] Nonce of(std::uint32_t piece) const;

  private:
    std::uint64_t byte_offset_ = 0;
    std::uint32_t count_ = 0;
};

/// Hands out the nonces of one key for sealing, each at most once. One ledger belongs to one key (one segment
/// being written). Not synchronised: take nonces where offsets are assigned, even if sealing happens on
/// worker threads.
class NonceLedger {
  public:
    /// The nonce of the header at `byte_offset`. Throws std::logic_error if that is not beyond the last one
    /// taken: sealing would use a nonce twice. The ledger is unchanged then.
    [[nodiscard]] Nonce take_header(std::uint64_t byte_offset);

    /// The same for a payload of `pieces` pieces, 1 to 65,536: all its nonces count as taken.
    [[nodiscard]] PieceNonces take_payload(std::uint64_t byte_offset, std::uint32_t pieces);

  private:
    std::optional<std::uint64_t> last_header_;
    std::optional<std::uint64_t> last_payload_;
};

}  // namespace demofs::crypto
