// Where a block lives. An address is written once: no two blocks of a vault ever share one, so the address
// itself (bound into the ciphertext as associated data) says which bytes belong there, and a pointer needs no
// checksum of its own. Format: docs/on-disk-format.md, "Segments" and "Blocks".
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace demofs::block {

/// Names a segment: `sequence` grows by one with each segment a session creates (newer segments sort last),
/// `salt` is random, so that two sessions that forked from one commit never mean the same segment.
struct SegmentId {
    std::uint64_t sequence = 0;
    std::uint64_t salt = 0;

    friend auto operator<=>(const SegmentId&, const SegmentId&) = default;
};

/// The largest payload a block may have; a reader refuses more.
inline constexpr std::uint32_t max_block_payload_bytes = 1u << 20;
/// A payload is sealed in pieces of this size, the last one shorter, so that a part of it can be read alone.
inline constexpr std::uint32_t piece_bytes = 4096;

/// The pieces of a payload; an empty one has one, too.
constexpr std::uint32_t piece_count(std::uint32_t payload_bytes) {
    return payload_bytes == 0 ? 1 : (payload_bytes + piece_bytes - 1) / piece_bytes;
}

/// What a block takes in its segment: the sealed header (32 + tag 16), the payload, and each piece's tag (16).
constexpr std::uint32_t stored_block_bytes(std::uint32_t payload_bytes) {
    return 32 + 16 + payload_bytes + 16 * piece_count(payload_bytes);
}

struct BlockAddress {
    SegmentId segment;
    std::uint32_t offset = 0;         ///< of the block's first stored byte in its segment
    std::uint32_t payload_bytes = 0;  ///< plaintext length

    std::uint32_t stored_bytes() const { return stored_block_bytes(payload_bytes); }
    std::uint32_t end() const { return offset + stored_bytes(); }
    explicit operator bool() const { return segment.sequence != 0; }  // sequence numbers start at 1

    friend auto operator<=>(const BlockAddress&, const BlockAddress&) = default;
};

/// A part of a block's payload, which must lie inside it and is not empty.
struct BlockPart {
    BlockAddress block;
    std::uint32_t offset = 0;
    std::uint32_t length = 0;

    std::uint32_t first_piece() const { return offset / piece_bytes; }
    std::uint32_t last_piece() const { return (offset + length - 1) / piece_bytes; }
};

/// What a block is; part of the on-disk format: never renumber.
enum class BlockKind : std::uint8_t {
    data = 1,    ///< file content; owner = data id, position = byte offset in the file
    node = 2,    ///< a tree node; owner = level, position = 0
    commit = 3,  ///< a commit record; always starts on a 4 KiB boundary
    seal = 4,    ///< the last block of a segment: everything before it was synced
};

/// Travels encrypted in front of each payload, for checker and salvage; never proof that something is dead.
struct BlockHeader {
    BlockKind kind = BlockKind::data;
    std::uint64_t owner = 0;
    std::uint64_t position = 0;
    std::uint64_t birth_generation = 0;  ///< the commit attempt in which the block was appended
};

}  // namespace demofs::block

template <>
struct std::hash<demofs::block::SegmentId> {
    std::size_t operator()(const demofs::block::SegmentId& id) const noexcept {
        return static_cast<std::size_t>(id.salt ^ (id.sequence * 0x9E3779B97F4A7C15ull));
    }
};
template <>
struct std::hash<demofs::block::BlockAddress> {
    std::size_t operator()(const demofs::block::BlockAddress& a) const noexcept {
        return std::hash<demofs::block::SegmentId>{}(a.segment) ^ (a.offset * 0xC2B2AE3D27D4EB4Full);
    }
};
