#include "demofs/block/log_reader.hpp"

#include <gmock/gmock.h>

#include "demofs/base/error.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using namespace test;

class LogReading : public testing::Test {
  protected:
    void expect_verified(const LogDigest& digest) {
        vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
            const Verification found = co_await reader.verify(digest.ranges);
            EXPECT_EQ(found.state, LogState::intact)
                << "at " << found.offset << " of " << describe(found.segment);
            EXPECT_EQ(found.tags_hash, digest.tags_hash);
        });
    }

    Vault vault;
};

TEST_F(LogReading, TheWritersDigestIsWhatTheReaderFinds) {
    for (const bool sync_ends_object : {false, true}) {
        vault.options.sync_ends_object = sync_ends_object;
        vault.settings.segment_bytes = 256 * 1024;
        std::vector<LogDigest> digests;
        vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
            std::uint64_t number = 0;
            for (int commit = 0; commit < 12; ++commit) {
                for (int i = 0; i < 10 * commit; ++i) {
                    s.append(payload_of(number * 977 % 9000, number));
                    ++number;
                    if (number % 13 == 0) co_await s.blocks.sync();
                }
                digests.push_back(co_await s.blocks.digest());
                s.append(payload_of(300, number), BlockKind::commit, Placement::aligned);
                co_await s.blocks.sync();
            }
        });
        EXPECT_TRUE(digests.front().ranges.empty());
        EXPECT_GT(digests.back().ranges.size(), 1u);
        for (const LogDigest& digest : digests) expect_verified(digest);
    }
}

TEST_F(LogReading, TheDigestOfLargeAmountsIsTheSameAsOfSmallOnes) {
    LogDigest digest;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 300; ++i) s.append(payload_of(32 << 10, i));
        digest = co_await s.blocks.digest();
        co_await s.blocks.sync();
    });
    EXPECT_EQ(digest.ranges.size(), 1u);
    expect_verified(digest);
}

TEST_F(LogReading, VisitsEveryBlockWithItsHeader) {
    LogDigest digest;
    std::vector<BlockAddress> addresses;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 20; ++i) {
            const BlockHeader header = header_of(BlockKind::data, 7, 100 * i, 3);
            addresses.push_back(s.blocks.append(header, payload_of(1000, i), Placement::packed));
            if (i % 6 == 0) co_await s.blocks.sync();
        }
        digest = co_await s.blocks.digest();
        co_await s.blocks.sync();
    });
    vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
        std::size_t i = 0;
        LogReader::Visitor visit = [&](const FoundBlock& block) {
            EXPECT_EQ(block.address, addresses[i]);
            EXPECT_EQ(block.header.owner, 7u);
            EXPECT_EQ(block.header.position, 100 * i);
            EXPECT_EQ(block.header.birth_generation, 3u);
            EXPECT_TRUE(same_bytes(block.payload, payload_of(1000, i)));
            ++i;
        };
        const Verification found = co_await reader.verify(digest.ranges, visit);
        EXPECT_TRUE(found.intact());
        EXPECT_EQ(found.blocks, 20u);
        EXPECT_EQ(i, 20u);
    });
}

TEST_F(LogReading, FindsCommitsNewestFirst) {
    vault.settings.segment_bytes = 8 << 20;
    std::vector<BlockAddress> commits;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 30; ++i) {
            for (std::uint64_t k = 0; k < i; ++k) s.append(payload_of(12'345, k));
            commits.push_back(
                s.append(payload_of(100 * i * i, 500 + i), BlockKind::commit, Placement::aligned));
            co_await s.blocks.sync();
        }
    });
    EXPECT_EQ(commits.front().segment, commits.back().segment);
    vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
        CommitScan scan = co_await reader.scan_commits(commits.front().segment);
        for (std::uint64_t i = 30; i-- > 0;) {
            const std::optional<FoundBlock> found = co_await scan.next();
            EXPECT_TRUE(found.has_value());
            if (!found) co_return;
            EXPECT_EQ(found->address, commits[i]);
            EXPECT_EQ(found->header.kind, BlockKind::commit);
            EXPECT_TRUE(same_bytes(found->payload, payload_of(100 * i * i, 500 + i)));
        }
        const std::optional<FoundBlock> none = co_await scan.next();
        EXPECT_FALSE(none.has_value());
    });
}

TEST_F(LogReading, ACommitWithADamagedPayloadIsFoundWithoutOne) {
    BlockAddress commit;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        commit = s.append(payload_of(500, 1), BlockKind::commit, Placement::aligned);
        co_await s.blocks.sync();
    });
    const std::string name = vault.disk->names().front();
    Bytes stored = vault.disk->contents(name);
    stored[commit.offset + 100] ^= std::byte{1};
    vault.disk->put(name, stored);
    vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
        CommitScan scan = co_await reader.scan_commits(commit.segment);
        const std::optional<FoundBlock> found = co_await scan.next();
        EXPECT_TRUE(found.has_value());
        EXPECT_EQ(found->address, commit);
        EXPECT_FALSE(found->payload);
    });
}

TEST_F(LogReading, TellsMissingShortAndDamagedApart) {
    LogDigest digest;
    BlockAddress last;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 5; ++i) last = s.append(payload_of(2000, i));
        digest = co_await s.blocks.digest();
        co_await s.blocks.sync();
    });
    const std::string name = vault.disk->names().front();
    const Bytes stored = vault.disk->contents(name);
    const auto state_of = [&]() {
        Verification found;
        vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
            found = co_await reader.verify(digest.ranges);
        });
        return found;
    };
    EXPECT_EQ(state_of().state, LogState::intact);

    for (const std::size_t size : {last.end() - 1, last.offset + 10, last.offset, 200u, 127u, 0u}) {
        vault.disk->put(name, ByteSpan(stored).first(size));
        EXPECT_EQ(state_of().state, LogState::too_short) << size;
    }
    Bytes damaged = stored;
    damaged[last.offset + 70] ^= std::byte{1};
    vault.disk->put(name, damaged);
    EXPECT_EQ(state_of().state, LogState::not_authentic);
    EXPECT_EQ(state_of().offset, last.offset);
    damaged = stored;
    damaged[5] ^= std::byte{1};  // the segment's header
    vault.disk->put(name, damaged);
    EXPECT_EQ(state_of().state, LogState::intact) << "there is a copy";
    damaged.resize(damaged.size() - segment_header_bytes);
    vault.disk->put(name, damaged);
    EXPECT_EQ(state_of().state, LogState::not_authentic);
    vault.disk->erase(name);
    EXPECT_EQ(state_of().state, LogState::missing_segment);
    EXPECT_EQ(state_of().segment, last.segment);
}

TEST_F(LogReading, ASealProvesTheWholeSegment) {
    BlockAddress first;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        first = s.append(payload_of(2000, 0));
        for (std::uint64_t i = 1; i < 9; ++i) {
            s.append(payload_of(3000, i));
            if (i % 3 == 0) co_await s.blocks.sync();
        }
    });
    vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
        const std::optional<SealRecord> seal = co_await reader.seal_of(first.segment);
        EXPECT_TRUE(seal.has_value());
        EXPECT_EQ(seal->blocks, 9u);
        EXPECT_EQ(seal->final_bytes, reader.catalog().segments().front().size_bytes);
        std::vector<LogRange> whole;
        whole.push_back({first.segment, segment_header_bytes, static_cast<std::uint32_t>(seal->blocks_end)});
        const Verification found = co_await reader.verify(whole);
        EXPECT_TRUE(found.intact());
        EXPECT_EQ(found.blocks, seal->blocks);
        EXPECT_EQ(found.tags_hash, seal->tags_hash);
    });
}

TEST_F(LogReading, ASegmentWithoutItsEndIsNotSealed) {
    std::shared_ptr<store::MemoryDisk> crashed;
    SegmentId segment;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        segment = s.append(payload_of(2000, 0)).segment;
        co_await s.blocks.sync();
        crashed = std::make_shared<store::MemoryDisk>(vault.disk->crashed(store::keep_unsynced()));
    });
    const std::string name = vault.disk->names().front();
    const Bytes sealed = vault.disk->contents(name);
    vault.disk = crashed;
    const auto is_sealed = [&]() {
        bool result = true;
        vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
            const std::optional<SealRecord> seal = co_await reader.seal_of(segment);
            result = seal.has_value();
        });
        return result;
    };
    EXPECT_FALSE(is_sealed());
    vault.disk->put(name, sealed);
    EXPECT_TRUE(is_sealed());
    vault.disk->put(name, ByteSpan(sealed).first(sealed.size() - 1));
    EXPECT_FALSE(is_sealed());
    Bytes longer = sealed;
    longer.push_back(std::byte{});
    vault.disk->put(name, longer);
    EXPECT_FALSE(is_sealed());
    vault.disk->put(name, ByteSpan(sealed).first(50));
    EXPECT_FALSE(is_sealed());
    vault.disk->erase(name);
    EXPECT_FALSE(is_sealed());
}

TEST_F(LogReading, ListsSegmentsNewestFirstWithTheirSessions) {
    std::vector<SegmentId> ids;
    for (int i = 0; i < 5; ++i) {
        vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
            ids.push_back(s.append(payload_of(10, 1)).segment);
            co_return;
        });
    }
    vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
        EXPECT_EQ(reader.catalog().segments().size(), 5u);
        std::vector<SessionId> sessions;
        for (std::size_t i = 0; i < 5; ++i) {
            EXPECT_EQ(reader.catalog().segments()[i].id, ids[4 - i]);
            const SharedSegment segment = co_await reader.catalog().find(ids[i]);
            for (const SessionId& other : sessions) EXPECT_NE(segment->origin.session, other);
            sessions.push_back(segment->origin.session);
        }
    });
}

}  // namespace
}  // namespace demofs::block
