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

/// Bytes 0–7: byte_offset, little endian; byte 8: part; bytes 9–11: zero.
[[nodiscard]] Nonce nonce_for(std::uint64_t byte_offset, Part part) noexcept;

/// Hands out the nonces of one key for sealing, each at most once. One ledger belongs to one key (one segment
/// being written). Not synchronised: take nonces where offsets are assigned, even if sealing happens on
/// worker threads.
class NonceLedger {
  public:
    /// The nonce of (byte_offset, part). Throws std::logic_error if byte_offset is not beyond the last one
    /// taken for this part: sealing would use a nonce twice. The ledger is unchanged then.
    [[nodiscard]] Nonce take(std::uint64_t byte_offset, Part part);

  private:
    std::optional<std::uint64_t> last_header_;
    std::optional<std::uint64_t> last_payload_;
};

}  // namespace demofs::crypto
