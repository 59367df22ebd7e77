#include "demofs/block/block_codec.hpp"

#include <gmock/gmock.h>

#include "demofs/base/error.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using test::header_of;
using test::payload_of;
using test::same_bytes;
using test::test_keys;

class BlockCodec : public testing::Test {
  protected:
    Bytes seal_at(std::uint32_t offset, const BlockHeader& header, const SharedBytes& payload) const {
        const auto size = static_cast<std::uint32_t>(payload.size());
        Bytes stored(stored_block_bytes(size));
        const BlockNonces nonces{crypto::nonce_for(offset, crypto::Part::header),
                                 crypto::PieceNonces(offset, piece_count(size))};
        seal_block(segment, offset, nonces, header, payload, stored);
        return stored;
    }
    BlockAddress address_of(std::uint32_t offset, std::size_t payload_bytes) const {
        return {segment.id, offset, static_cast<std::uint32_t>(payload_bytes)};
    }
    Errc code_of_opening(const BlockAddress& address, BlockKind kind, ByteSpan stored) const {
        try {
            (void)open_block(segment, address, kind, stored);
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), testing::HasSubstr("offset " + std::to_string(address.offset)));
            EXPECT_THAT(error.what(), testing::HasSubstr(segment.object));
            return static_cast<Errc>(error.code().value());
        }
        return Errc{};
    }

    crypto::VaultKeys keys = test_keys();
    Segment segment = new_segment(keys, 9, test::new_session());
};

TEST_F(BlockCodec, OpensWhatItSealed) {
    for (const std::size_t size : {0u, 1u, 100u, 4096u, 4097u, 8192u, 10000u, 65536u, 1u << 20}) {
        const SharedBytes payload = payload_of(size, 1);
        const BlockHeader header = header_of(BlockKind::node, 5, 0xffffffffffff, 77);
        const Bytes stored = seal_at(8192, header, payload);
        const auto opened = open_block_header(segment, 8192, stored);
        ASSERT_TRUE(opened);
        EXPECT_EQ(opened->header.kind, BlockKind::node);
        EXPECT_EQ(opened->header.owner, 5u);
        EXPECT_EQ(opened->header.position, 0xffffffffffffu);
        EXPECT_EQ(opened->header.birth_generation, 77u);
        EXPECT_EQ(opened->payload_bytes, size);
        const SharedBytes read = open_block(segment, address_of(8192, size), BlockKind::node, stored);
        EXPECT_TRUE(same_bytes(read, payload));
    }
}

TEST_F(BlockCodec, DetectsEverySingleBitFlip) {
    const SharedBytes payload = payload_of(50, 1);
    const Bytes stored = seal_at(128, header_of(BlockKind::data), payload);
    for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
        Bytes damaged = stored;
        damaged[bit / 8] ^= std::byte(1 << bit % 8);
        EXPECT_EQ(code_of_opening(address_of(128, 50), BlockKind::data, damaged), Errc::corrupt)
            << "bit " << bit;
    }
}

TEST_F(BlockCodec, DetectsABlockThatIsCutOrOfAnotherPlaceKindOrSize) {
    const Bytes stored = seal_at(128, header_of(BlockKind::data), payload_of(50, 1));
    const ByteSpan all(stored);
    EXPECT_EQ(code_of_opening(address_of(128, 50), BlockKind::data, all.first(all.size() - 1)),
              Errc::corrupt);
    EXPECT_EQ(code_of_opening(address_of(128, 50), BlockKind::data, {}), Errc::corrupt);
    EXPECT_EQ(code_of_opening(address_of(4096, 50), BlockKind::data, all), Errc::corrupt);
    EXPECT_EQ(code_of_opening(address_of(128, 50), BlockKind::node, all), Errc::corrupt);
    EXPECT_EQ(code_of_opening(address_of(128, 49), BlockKind::data, all.first(all.size() - 1)),
              Errc::corrupt);
}

// A block of three pieces, the last of which is short.
class Pieces : public BlockCodec {
  protected:
    static constexpr std::uint32_t size = 2 * piece_bytes + 100;
    static constexpr std::uint32_t offset = 128;

    BlockPart part(std::uint32_t from, std::uint32_t length) const {
        return {address_of(offset, size), from, length};
    }
    // What a store holds of the pieces of a part.
    ByteSpan pieces(const Bytes& block, const BlockPart& part) const {
        const StoredPieces place = pieces_of(part);
        return ByteSpan(block).subspan(place.begin - offset, place.stored_bytes);
    }
    Errc code_of_opening_part(const BlockPart& part, ByteSpan bytes) const {
        try {
            (void)open_block_part(segment, part, bytes);
        } catch (const Error& error) {
            return static_cast<Errc>(error.code().value());
        }
        return Errc{};
    }
    // The stored bytes of piece `index`, to be tampered with.
    MutableByteSpan piece(Bytes& block, std::uint32_t index) const {
        const std::size_t begin = block_header_bytes + std::size_t{index} * stored_piece_bytes;
        return MutableByteSpan(block).subspan(
            begin, std::min<std::size_t>(stored_piece_bytes, block.size() - begin));
    }

    const SharedBytes payload = payload_of(size, 1);
    const Bytes stored = seal_at(offset, header_of(BlockKind::data), payload);
};

TEST_F(Pieces, EveryPartIsReadFromThePiecesThatHoldIt) {
    EXPECT_EQ(stored.size(), 48 + size + 3 * crypto::tag_bytes);
    for (const std::uint32_t from : {0u, 1u, 4095u, 4096u, 5000u, 8191u, 8192u, size - 1}) {
        for (const std::uint32_t length : {1u, 2u, 99u, 4096u, 4097u, size}) {
            if (from + length > size) continue;
            const BlockPart wanted = part(from, length);
            const ByteSpan bytes = pieces(stored, wanted);
            EXPECT_LE(bytes.size(), (2 + length / piece_bytes) * stored_piece_bytes);
            const SharedBytes read = open_block_part(segment, wanted, bytes);
            EXPECT_TRUE(same_bytes(read, payload.slice(from, length))) << from << " " << length;
        }
    }
}

TEST_F(Pieces, EverySingleBitFlipIsDetectedByTheBlockAndByThePartsThatHoldIt) {
    for (std::size_t byte = block_header_bytes; byte < stored.size(); ++byte) {
        Bytes damaged = stored;
        damaged[byte] ^= std::byte(1 << byte % 8);
        const auto hit = static_cast<std::uint32_t>((byte - block_header_bytes) / stored_piece_bytes);
        ASSERT_EQ(code_of_opening(address_of(offset, size), BlockKind::data, damaged), Errc::corrupt) << byte;
        for (std::uint32_t index = 0; index < 3; ++index) {
            const BlockPart one = part(index * piece_bytes, 100);
            const Errc expected = index == hit ? Errc::corrupt : Errc{};
            ASSERT_EQ(code_of_opening_part(one, pieces(damaged, one)), expected) << byte << " " << index;
        }
    }
}

TEST_F(Pieces, APieceOpensNowhereElse) {
    // Exchanged within the block, and with the same piece of a block of another place.
    Bytes swapped = stored;
    std::ranges::swap_ranges(piece(swapped, 0), piece(swapped, 1));
    Bytes other = seal_at(65536, header_of(BlockKind::data), payload);
    Bytes moved = stored;
    std::ranges::copy(piece(other, 1), piece(moved, 1).begin());
    for (const std::uint32_t index : {0u, 1u}) {
        const BlockPart one = part(index * piece_bytes, 1);
        EXPECT_EQ(code_of_opening_part(one, pieces(swapped, one)), Errc::corrupt) << index;
        EXPECT_EQ(code_of_opening_part(one, pieces(moved, one)), index == 1 ? Errc::corrupt : Errc{})
            << index;
    }
    EXPECT_EQ(code_of_opening(address_of(offset, size), BlockKind::data, swapped), Errc::corrupt);
    EXPECT_EQ(code_of_opening(address_of(offset, size), BlockKind::data, moved), Errc::corrupt);
}

TEST_F(Pieces, ABlockCannotBeCutOrGrownByWholePieces) {
    // The first two pieces alone, as a block of that size; and the first one as a block of one piece.
    for (const std::uint32_t count : {1u, 2u}) {
        const std::uint32_t cut = count * piece_bytes;
        const BlockPart first{address_of(offset, cut), 0, 1};
        EXPECT_EQ(code_of_opening_part(first, pieces(stored, first)), Errc::corrupt);
        const ByteSpan shorter = ByteSpan(stored).first(stored_block_bytes(cut));
        EXPECT_EQ(code_of_opening(address_of(offset, cut), BlockKind::data, shorter), Errc::corrupt);
    }
    const BlockPart last = part(2 * piece_bytes, 1);
    const ByteSpan bytes = pieces(stored, last);
    EXPECT_EQ(code_of_opening_part(last, bytes.first(bytes.size() - 1)), Errc::corrupt);
    EXPECT_EQ(code_of_opening_part(last, {}), Errc::corrupt);
}

TEST_F(Pieces, TheTagsAreTheHeadersAndThoseOfAllPieces) {
    const BlockTags tags = tags_of(stored);
    ASSERT_EQ(tags.size(), 4 * crypto::tag_bytes);
    Bytes copy = stored;
    EXPECT_TRUE(std::ranges::equal(ByteSpan(tags).first(16), ByteSpan(stored).subspan(32, 16)));
    for (std::uint32_t index = 0; index < 3; ++index) {
        const ByteSpan tag = ByteSpan(piece(copy, index)).last(16);
        EXPECT_TRUE(std::ranges::equal(ByteSpan(tags).subspan(16 + 16 * index, 16), tag)) << index;
    }
}

TEST_F(BlockCodec, ASealRecordSurvivesEncoding) {
    SealRecord record;
    record.blocks_end = 120000;
    record.final_bytes = 123456;
    record.blocks = 99;
    record.tags_hash.fill(std::byte{3});
    const Bytes encoded = encode(record);
    EXPECT_EQ(encoded.size(), seal_payload_bytes);
    const SealRecord decoded = decode_seal_record(encoded);
    EXPECT_EQ(decoded.blocks_end, record.blocks_end);
    EXPECT_EQ(decoded.final_bytes, record.final_bytes);
    EXPECT_EQ(decoded.blocks, record.blocks);
    EXPECT_EQ(decoded.tags_hash, record.tags_hash);
}

}  // namespace
}  // namespace demofs::block
