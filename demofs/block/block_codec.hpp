// Seals and opens single blocks. Format: docs/on-disk-format.md, "Blocks".
//
// Threads: pure functions, any thread. Invariant: the caller takes the nonces of a block from the segment's
// ledger, so that no offset is sealed twice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "demofs/base/bytes.hpp"
#include "demofs/block/address.hpp"
#include "demofs/block/segment.hpp"
#include "demofs/crypto/nonce.hpp"

namespace demofs::block {

/// The nonces of a block that is to be sealed.
struct BlockNonces {
    crypto::Nonce header{};
    crypto::PieceNonces payload;
};

/// The tags of a stored block, the header's and then those of all pieces: they stand for the block in hashes.
using BlockTags = Bytes;

/// A block's header as stored.
struct StoredHeader {
    BlockHeader header;
    std::uint32_t payload_bytes = 0;
};

/// Seals a block for `offset` into `out` (exactly stored_block_bytes of the payload's size), returns its tags.
BlockTags seal_block(const Segment& segment, std::uint32_t offset, const BlockNonces& nonces,
                     const BlockHeader& header, ByteSpan payload, MutableByteSpan out);

/// Opens the header at `offset` from at least block_header_bytes; nothing if there is no block of this
/// segment. Throws Error(Errc::unsupported_format) for an authentic one with flags or of a kind that this
/// version does not know.
[[nodiscard]] std::optional<StoredHeader> open_block_header(const Segment& segment, std::uint32_t offset,
                                                            ByteSpan stored);

/// Opens the payload of the block at `offset`; `stored` is the payload with its tags, `plain` has the payload's
/// size. False if it is not authentic; `plain` is then wiped.
[[nodiscard]] bool open_block_payload(const Segment& segment, std::uint32_t offset, ByteSpan stored,
                                      MutableByteSpan plain);

/// The tags of the stored block `stored` (header, payload and nothing behind).
[[nodiscard]] BlockTags tags_of(ByteSpan stored);

/// Opens the whole block `address` of `segment` from its stored bytes, and checks that it is one of `kind`.
/// Throws Error(Errc::corrupt) naming segment and offset, or Errc::unsupported_format.
[[nodiscard]] SharedBytes open_block(const Segment& segment, const BlockAddress& address, BlockKind kind,
                                     ByteSpan stored);

/// Where the pieces that hold a part lie in the segment.
struct StoredPieces {
    std::uint32_t begin = 0;
    std::uint32_t stored_bytes = 0;
};
[[nodiscard]] StoredPieces pieces_of(const BlockPart& part);

/// Opens a part of a payload from the stored bytes of its pieces. Proved is that these bytes were written there,
/// in a block of this size; the header (kind, owner, position, birth) and the other pieces are not looked at.
/// Throws Error(Errc::corrupt) as open_block.
[[nodiscard]] SharedBytes open_block_part(const Segment& segment, const BlockPart& part, ByteSpan stored);

/// Throws Error(Errc::corrupt): the block is authentic, but not one of the kind that was asked for.
[[noreturn]] void throw_wrong_kind(const BlockAddress& address);

/// "offset 4096 of segment 12 (object 00ff…)", for messages.
[[nodiscard]] std::string describe_place(const Segment& segment, std::uint32_t offset);

/// Payload of a segment's last block.
struct SealRecord {
    std::uint64_t blocks_end = 0;           ///< offset behind the last block
    std::uint64_t final_bytes = 0;          ///< the object's size, seal block included
    std::uint64_t blocks = 0;               ///< in the segment, without the seal
    std::array<std::byte, 32> tags_hash{};  ///< BLAKE2b-256 over the tags of those blocks, in order
};
[[nodiscard]] Bytes encode(const SealRecord& record);
[[nodiscard]] SealRecord decode_seal_record(ByteSpan payload);

}  // namespace demofs::block
