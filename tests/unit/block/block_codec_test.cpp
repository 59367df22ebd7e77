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
        Bytes stored(payload.size() + block_overhead_bytes);
        const BlockNonces nonces{crypto::nonce_for(offset, crypto::Part::header),
                                 crypto::nonce_for(offset, crypto::Part::payload)};
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
    for (const std::size_t size : {0u, 1u, 100u, 4096u, 65536u, 1u << 20}) {
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
