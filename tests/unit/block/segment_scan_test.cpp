#include "demofs/block/segment_scan.hpp"

#include <gmock/gmock.h>

#include "demofs/base/error.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using namespace test;

class SegmentScanning : public testing::Test {
  protected:
    // Blocks of many sizes, some behind syncs, in one sealed segment.
    void fill() {
        vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
            for (std::uint64_t i = 0; i < 40; ++i) {
                const BlockHeader header = header_of(BlockKind::data, 7, 100 * i, 3);
                addresses.push_back(
                    s.blocks.append(header, payload_of(i * 977 % 9000, i), Placement::packed));
                if (i % 6 == 0) co_await s.blocks.sync();
            }
            s.append(payload_of(300, 40), BlockKind::commit, Placement::aligned);
            co_await s.blocks.sync();
        });
        object = vault.disk->names().at(0);
    }

    struct Found {
        std::vector<ScannedBlock> blocks;
        std::vector<SharedBytes> payloads;
        std::uint64_t damaged_bytes = 0;
        std::uint64_t unknown_blocks = 0;
    };
    Found scan() {
        Found found;
        vault.read([&](LogReader& reader, store::ObjectStore& store) -> asio::awaitable<void> {
            const ListedSegment listed = reader.catalog().segments().at(0);
            SharedSegment segment = co_await reader.catalog().find(listed.id);
            SegmentScan scan(store, std::move(segment), listed.size_bytes);
            while (true) {
                const std::optional<ScannedBlock> block = co_await scan.next();
                if (!block) break;
                found.blocks.push_back(*block);
                SharedBytes payload = co_await scan.payload();
                found.payloads.push_back(std::move(payload));
            }
            const std::optional<ScannedBlock> behind = co_await scan.next();
            EXPECT_FALSE(behind);
            EXPECT_EQ(scan.offset(), listed.size_bytes);
            found.damaged_bytes = scan.damaged_bytes();
            found.unknown_blocks = scan.unknown_blocks();
        });
        return found;
    }

    void change(std::uint64_t begin, std::uint64_t end) {
        Bytes bytes = vault.disk->contents(object);
        for (std::uint64_t at = begin; at < end; ++at) bytes.at(at) ^= std::byte{0x5a};
        vault.disk->put(object, bytes);
    }

    // That all blocks but some are found.
    void expect_all_but(const Found& found, std::size_t from, std::size_t to) {
        std::size_t at = 0;
        for (std::size_t i = 0; i < addresses.size(); ++i) {
            if (i >= from && i < to) continue;
            ASSERT_LT(at, found.blocks.size());
            EXPECT_EQ(found.blocks[at].address, addresses[i]);
            ++at;
        }
        EXPECT_EQ(found.blocks.size(), at + 2);  // the commit, the seal
    }

    Vault vault;
    std::vector<BlockAddress> addresses;
    std::string object;
};

TEST_F(SegmentScanning, FindsEveryBlockWithItsPayload) {
    fill();
    const Found found = scan();
    expect_all_but(found, 0, 0);
    EXPECT_EQ(found.damaged_bytes, 0u);
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        EXPECT_EQ(found.blocks[i].header.owner, 7u);
        EXPECT_EQ(found.blocks[i].header.position, 100 * i);
        EXPECT_TRUE(same_bytes(found.payloads[i], payload_of(i * 977 % 9000, i)));
    }
    EXPECT_EQ(found.blocks[40].header.kind, BlockKind::commit);
    EXPECT_EQ(found.blocks[41].header.kind, BlockKind::seal);
}

TEST_F(SegmentScanning, ADamagedHeaderCostsItsBlockOnly) {
    fill();
    const Bytes intact = vault.disk->contents(object);
    for (const std::size_t i : {0, 5, 17, 39}) {
        vault.disk->put(object, intact);
        change(addresses[i].offset + 3, addresses[i].offset + 4);
        const Found found = scan();
        expect_all_but(found, i, i + 1);
        // What is less than a page, up to the boundary where the next block lies, may as well be filler.
        const bool before_a_boundary = i == 0 || i == 39;
        EXPECT_EQ(found.damaged_bytes, before_a_boundary ? 0 : addresses[i].stored_bytes());
    }
}

TEST_F(SegmentScanning, ADamagedPayloadHasAHeaderAllTheSame) {
    fill();
    change(addresses[9].offset + 60, addresses[9].offset + 61);
    const Found found = scan();
    expect_all_but(found, 0, 0);
    EXPECT_FALSE(found.payloads[9]);
    EXPECT_TRUE(found.payloads[10]);
}

TEST_F(SegmentScanning, BehindManyDamagedBytesTheBlocksAreFoundAgain) {
    fill();
    change(addresses[10].offset, addresses[20].offset + 1);
    expect_all_but(scan(), 10, 21);
}

TEST_F(SegmentScanning, ZerosArePassedOver) {
    fill();
    Bytes bytes = vault.disk->contents(object);
    std::fill(bytes.begin() + addresses[10].offset, bytes.begin() + addresses[21].offset, std::byte{0});
    vault.disk->put(object, bytes);
    expect_all_but(scan(), 10, 21);
}

TEST_F(SegmentScanning, ACutObjectGivesTheHeaderOfItsLastBlock) {
    fill();
    const Bytes bytes = vault.disk->contents(object);
    vault.disk->put(object, ByteSpan(bytes).first(addresses[20].offset + block_header_bytes));
    const Found found = scan();
    ASSERT_EQ(found.blocks.size(), 21u);
    EXPECT_EQ(found.blocks[20].address, addresses[20]);
    EXPECT_FALSE(found.payloads[20]);
}

}  // namespace
}  // namespace demofs::block
