// How a block becomes bytes and bytes a block again. Header and payload are sealed separately, so that a
// block can be found and its length known without decrypting, or even having, all of it. Nothing that a
// header says is believed before it is authentic, and what an address says is compared with it.
#include "demofs/block/block_codec.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "demofs/base/codec.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/invariant.hpp"

namespace demofs::block {
namespace {

// Associated data of a block's header: vault id, segment uid, offset (u64). It binds a block to its place: moved
// or copied to any other it does not open.
using BlockAad = std::array<std::byte, 40>;
// Of a piece: the same, then the size of the whole payload and the piece's index (u32 each).
using PieceAad = std::array<std::byte, 48>;

void put_little_endian(std::byte* out, std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) out[i] = std::byte(value >> (8 * i) & 0xff);
}

BlockAad aad_for(const Segment& segment, std::uint32_t offset) {
    BlockAad aad;
    std::ranges::copy(segment.vault, aad.begin());
    std::ranges::copy(segment.uid, aad.begin() + 16);
    put_little_endian(aad.data() + 32, offset, 8);
    return aad;
}

PieceAad aad_for_piece(const BlockAad& block, std::uint32_t payload_bytes, std::uint32_t index) {
    PieceAad aad;
    std::ranges::copy(block, aad.begin());
    put_little_endian(aad.data() + 40, payload_bytes, 4);
    put_little_endian(aad.data() + 44, index, 4);
    return aad;
}

// Opens as many pieces as `plain` holds, beginning with `first`.
bool open_pieces(const Segment& segment, std::uint32_t offset, std::uint32_t payload_bytes,
                 std::uint32_t first, ByteSpan stored, MutableByteSpan plain) {
    const BlockAad aad = aad_for(segment, offset);
    const MutableByteSpan all = plain;
    std::uint32_t index = first;
    do {
        const std::size_t size = std::min<std::size_t>(piece_bytes, plain.size());
        const crypto::Nonce nonce =
            crypto::nonce_for(offset, crypto::Part::payload, static_cast<std::uint16_t>(index));
        const PieceAad piece_aad = aad_for_piece(aad, payload_bytes, index);
        const ByteSpan sealed = stored.first(size + crypto::tag_bytes);
        if (!crypto::open(segment.key, nonce, piece_aad, sealed, plain.first(size))) {
            std::ranges::fill(all, std::byte{0});
            return false;
        }
        stored = stored.subspan(sealed.size());
        plain = plain.subspan(size);
        ++index;
    } while (!plain.empty());
    return true;
}

std::array<std::byte, block_header_plain_bytes> encode_header(const BlockHeader& header,
                                                              std::uint32_t payload_bytes) {
    std::array<std::byte, block_header_plain_bytes> out{};  // flags and reserved are zero
    out[0] = static_cast<std::byte>(header.kind);
    put_little_endian(out.data() + 4, payload_bytes, 4);
    put_little_endian(out.data() + 8, header.owner, 8);
    put_little_endian(out.data() + 16, header.position, 8);
    put_little_endian(out.data() + 24, header.birth_generation, 8);
    return out;
}

[[noreturn]] void throw_unsupported(const Segment& segment, std::uint32_t offset, const std::string& what) {
    throw Error(Errc::unsupported_format, "The block at " + describe_place(segment, offset) + " is " + what +
                                              ": a newer version of demofs wrote it.");
}

[[noreturn]] void throw_corrupt(const Segment& segment, std::uint32_t offset, const std::string& what) {
    throw Error(Errc::corrupt, "The block at " + describe_place(segment, offset) + " " + what + ".");
}

}  // namespace

BlockTags seal_block(const Segment& segment, std::uint32_t offset, const BlockNonces& nonces,
                     const BlockHeader& header, ByteSpan payload, MutableByteSpan out) {
    invariant(payload.size() <= max_block_payload_bytes, "A block's payload has at most 1 MiB.");
    const auto payload_bytes = static_cast<std::uint32_t>(payload.size());
    invariant(out.size() == stored_block_bytes(payload_bytes), "A block is stored in the bytes it takes.");
    const BlockAad aad = aad_for(segment, offset);
    const auto plain_header = encode_header(header, payload_bytes);
    crypto::seal(segment.key, nonces.header, aad, plain_header, out.first(block_header_bytes));
    MutableByteSpan to = out.subspan(block_header_bytes);
    for (std::uint32_t index = 0; index < piece_count(payload_bytes); ++index) {
        const ByteSpan rest = payload.subspan(std::size_t{index} * piece_bytes);
        const ByteSpan piece = rest.first(std::min<std::size_t>(piece_bytes, rest.size()));
        const MutableByteSpan sealed = to.first(piece.size() + crypto::tag_bytes);
        const PieceAad piece_aad = aad_for_piece(aad, payload_bytes, index);
        crypto::seal(segment.key, nonces.payload.of(index), piece_aad, piece, sealed);
        to = to.subspan(sealed.size());
    }
    return tags_of(out);
}

std::optional<StoredHeader> open_block_header(const Segment& segment, std::uint32_t offset, ByteSpan stored) {
    if (stored.size() < block_header_bytes) return std::nullopt;
    std::array<std::byte, block_header_plain_bytes> plain;
    const crypto::Nonce nonce = crypto::nonce_for(offset, crypto::Part::header);
    if (!crypto::open(segment.key, nonce, aad_for(segment, offset), stored.first(block_header_bytes), plain))
        return std::nullopt;
    Decoder decoder(plain, "block header");
    StoredHeader header;
    const std::uint8_t kind = decoder.u8();
    const std::uint8_t flags = decoder.u8();
    // Before anything else, and for whoever comes across it: a block that is passed over because its meaning
    // is not known may be the newest commit.
    if (flags != 0) throw_unsupported(segment, offset, "marked with flags " + std::to_string(flags));
    if (kind < static_cast<std::uint8_t>(BlockKind::data) ||
        kind > static_cast<std::uint8_t>(BlockKind::seal))
        throw_unsupported(segment, offset, "of kind " + std::to_string(kind));
    header.header.kind = static_cast<BlockKind>(kind);
    decoder.skip(2);
    header.payload_bytes = decoder.u32();
    header.header.owner = decoder.u64();
    header.header.position = decoder.u64();
    header.header.birth_generation = decoder.u64();
    // Authentic, so this is no attack and no damage on the disk: whoever wrote it was broken.
    if (header.payload_bytes > max_block_payload_bytes)
        throw_corrupt(segment, offset, "claims an impossible size");
    return header;
}

bool open_block_payload(const Segment& segment, std::uint32_t offset, ByteSpan stored,
                        MutableByteSpan plain) {
    return open_pieces(segment, offset, static_cast<std::uint32_t>(plain.size()), 0, stored, plain);
}

BlockTags tags_of(ByteSpan stored) {
    BlockTags tags;
    const auto add = [&tags](ByteSpan tag) { tags.insert(tags.end(), tag.begin(), tag.end()); };
    tags.reserve((2 + stored.size() / stored_piece_bytes) * crypto::tag_bytes);
    add(stored.subspan(block_header_plain_bytes, crypto::tag_bytes));
    ByteSpan pieces = stored.subspan(block_header_bytes);
    while (!pieces.empty()) {
        const ByteSpan piece = pieces.first(std::min<std::size_t>(stored_piece_bytes, pieces.size()));
        add(piece.last(crypto::tag_bytes));
        pieces = pieces.subspan(piece.size());
    }
    return tags;
}

SharedBytes open_block(const Segment& segment, const BlockAddress& address, BlockKind kind, ByteSpan stored) {
    if (stored.size() != address.stored_bytes())
        throw_corrupt(segment, address.offset, "is cut off by the object's end");
    const auto header = open_block_header(segment, address.offset, stored);
    if (!header) throw_corrupt(segment, address.offset, "is damaged: its header is not authentic");
    // The address is right and the block authentic, so a mismatch means that who kept the address mixed it
    // up.
    if (header->header.kind != kind)
        throw_corrupt(segment, address.offset, "is not of the kind it should be");
    if (header->payload_bytes != address.payload_bytes)
        throw_corrupt(segment, address.offset, "is not of the size it should be");
    ByteBuffer plain(address.payload_bytes);
    if (!open_block_payload(segment, address.offset, stored.subspan(block_header_bytes), plain.span()))
        throw_corrupt(segment, address.offset, "is damaged: its contents are not authentic");
    return std::move(plain).freeze();
}

StoredPieces pieces_of(const BlockPart& part) {
    const std::uint32_t payload = part.block.offset + block_header_bytes;
    StoredPieces pieces;
    pieces.begin = payload + part.first_piece() * stored_piece_bytes;
    const std::uint32_t end = payload + (part.last_piece() + 1) * stored_piece_bytes;
    pieces.stored_bytes = std::min(end, part.block.end()) - pieces.begin;
    return pieces;
}

SharedBytes open_block_part(const Segment& segment, const BlockPart& part, ByteSpan stored) {
    invariant(part.length > 0 && part.offset + part.length <= part.block.payload_bytes,
              "A part lies inside its block.");
    const std::uint32_t offset = part.block.offset;
    if (stored.size() != pieces_of(part).stored_bytes)
        throw_corrupt(segment, offset, "is cut off by the object's end");
    const std::uint32_t begin = part.first_piece() * piece_bytes;
    const std::uint32_t end = std::min((part.last_piece() + 1) * piece_bytes, part.block.payload_bytes);
    ByteBuffer plain(end - begin);
    if (!open_pieces(segment, offset, part.block.payload_bytes, part.first_piece(), stored, plain.span()))
        throw_corrupt(segment, offset, "is damaged: its contents are not authentic");
    return std::move(plain).freeze().slice(part.offset - begin, part.length);
}

void throw_wrong_kind(const BlockAddress& address) {
    throw Error(Errc::corrupt, "The block at offset " + std::to_string(address.offset) + " of " +
                                   describe(address.segment) + " is not of the kind it should be.");
}

std::string describe_place(const Segment& segment, std::uint32_t offset) {
    return "offset " + std::to_string(offset) + " of " + describe(segment);
}

Bytes encode(const SealRecord& record) {
    Encoder encoder;
    encoder.u64(record.blocks_end);
    encoder.u64(record.final_bytes);
    encoder.u64(record.blocks);
    encoder.bytes(record.tags_hash);
    encoder.zeros(seal_payload_bytes - encoder.size());
    return std::move(encoder).take();
}

SealRecord decode_seal_record(ByteSpan payload) {
    Decoder decoder(payload, "segment seal");
    SealRecord record;
    record.blocks_end = decoder.u64();
    record.final_bytes = decoder.u64();
    record.blocks = decoder.u64();
    std::ranges::copy(decoder.bytes(32), record.tags_hash.begin());
    return record;
}

}  // namespace demofs::block
