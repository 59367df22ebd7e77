// Numbers of the on-disk format of segments and blocks: never change one. docs/on-disk-format.md shows them
// as byte tables ("Segments", "Blocks").
#pragma once

#include <cstddef>
#include <cstdint>

#include "demofs/block/address.hpp"
#include "demofs/crypto/aead.hpp"

namespace demofs::block {

/// What must not share a disk page with bytes that are already durable starts on a boundary of this size.
inline constexpr std::uint32_t boundary_bytes = 4096;

/// A segment starts with its sealed header; the first block may lie right behind it.
inline constexpr std::uint32_t segment_header_bytes = 128;
inline constexpr std::uint32_t segment_header_plain_bytes = segment_header_bytes - crypto::tag_bytes;
inline constexpr std::uint16_t segment_format_version = 1;

/// A block is a sealed header followed by the sealed payload.
inline constexpr std::uint32_t block_header_plain_bytes = 32;
inline constexpr std::uint32_t block_header_bytes = block_header_plain_bytes + crypto::tag_bytes;
inline constexpr std::uint32_t stored_piece_bytes = piece_bytes + crypto::tag_bytes;
static_assert(stored_block_bytes(piece_bytes) == block_header_bytes + stored_piece_bytes);

/// The seal block's payload is of fixed size, so that a reader finds it from the end of the object.
inline constexpr std::uint32_t seal_payload_bytes = 64;
inline constexpr std::uint32_t stored_seal_bytes = stored_block_bytes(seal_payload_bytes);
/// A sealed object ends with the seal and a copy of its header.
inline constexpr std::uint32_t segment_end_bytes = stored_seal_bytes + segment_header_bytes;

/// Sequence numbers are below this. Any 16 bytes decrypt to some name; a foreign object whose name looks like
/// ours decrypts to a number above the limit, except once in 16 million.
inline constexpr std::uint64_t sequence_limit = std::uint64_t{1} << 40;

/// The next boundary at or behind `offset`.
constexpr std::uint32_t align_up(std::uint32_t offset) {
    return (offset + boundary_bytes - 1) / boundary_bytes * boundary_bytes;
}

}  // namespace demofs::block
