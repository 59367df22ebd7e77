#include "demofs/block/write_pipeline.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "demofs/base/error.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using namespace test;

class Pipeline : public testing::Test {
  protected:
    Vault vault;
};

TEST_F(Pipeline, WhatWasAppendedIsReadBackInALaterSession) {
    const unsigned seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    vault.settings.segment_bytes = 1 << 20;
    struct Written {
        BlockAddress address;
        BlockKind kind;
        SharedBytes payload;
    };
    std::vector<Written> written;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 400; ++i) {
            const std::size_t size = random() % 4 == 0 ? random() % 100'000 : random() % 2'000;
            const BlockKind kind = random() % 2 == 0 ? BlockKind::data : BlockKind::node;
            const Placement placement = random() % 8 == 0 ? Placement::aligned : Placement::packed;
            const SharedBytes payload = payload_of(size, i);
            written.push_back({s.append(payload, kind, placement), kind, payload});
            if (random() % 16 == 0) co_await s.blocks.sync();
            if (random() % 16 == 0) (void)co_await s.blocks.digest();
            const Written& some = written[random() % written.size()];
            const SharedBytes read = co_await s.pipeline.read(some.address, some.kind);
            EXPECT_TRUE(same_bytes(read, some.payload));
        }
        co_await s.blocks.sync();
        EXPECT_EQ(s.blocks.unsynced_bytes(), 0u);
    });
    for (const bool must_wait : {false, true}) {
        vault.options.reads_must_wait = must_wait;
        vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
            for (const Written& one : written) {
                const SharedBytes read = co_await s.pipeline.read(one.address, one.kind);
                EXPECT_TRUE(same_bytes(read, one.payload));
            }
        });
    }
}

TEST_F(Pipeline, ABlockIsReadableAtOnceAndBeforeAnythingIsWritten) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const SharedBytes payload = payload_of(1000, 1);
        const BlockAddress address = s.append(payload);
        EXPECT_EQ(s.pipeline.try_read(address).data(), payload.data());
        const SharedBytes read = co_await s.pipeline.read(address, BlockKind::data);
        EXPECT_EQ(read.data(), payload.data());
        EXPECT_EQ(vault.counters->creates, 0u);
        EXPECT_EQ(s.pipeline.unsynced_bytes(), address.stored_bytes());
    });
}

TEST_F(Pipeline, AnUnsyncedBlockOfAnotherKindIsRefused) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const BlockAddress address = s.append(payload_of(10, 1));
        auto reading = s.pipeline.read(address, BlockKind::node);
        const std::exception_ptr error = co_await error_of(std::move(reading));
        EXPECT_TRUE(has_code(error, make_error_code(Errc::corrupt)));
    });
}

TEST_F(Pipeline, AnEmptyPayloadIsABlockLikeAnyOther) {
    BlockAddress address;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        address = s.append(SharedBytes());
        EXPECT_TRUE(s.blocks.try_read(address));
        co_await s.blocks.sync();
    });
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const SharedBytes read = co_await s.blocks.read(address, BlockKind::data);
        EXPECT_TRUE(read);
        EXPECT_TRUE(read.empty());
    });
}

TEST_F(Pipeline, StoredBytesShowNothingOfThePayload) {
    const SharedBytes payload = SharedBytes::copy_of(Bytes(100'000, std::byte{'A'}));
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        s.append(payload);
        s.append(payload, BlockKind::commit, Placement::aligned);
        co_await s.blocks.sync();
    });
    for (const std::string& name : vault.disk->names()) {
        const Bytes stored = vault.disk->contents(name);
        EXPECT_GT(stored.size(), 2 * payload.size());
        std::array<std::size_t, 256> counts{};
        for (const std::byte byte : stored) ++counts[std::to_integer<std::size_t>(byte)];
        const auto expected = static_cast<double>(stored.size()) / 256;
        for (const std::size_t count : counts) {  // every byte about equally often: filler and gaps included
            EXPECT_GT(static_cast<double>(count), expected * 0.7);
            EXPECT_LT(static_cast<double>(count), expected * 1.3);
        }
    }
}

TEST_F(Pipeline, ASmallAppendAndSyncIsOneAppendAndOneSyncOfTheStore) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        s.append(payload_of(100, 0));
        co_await s.blocks.sync();  // creates the segment
        for (std::uint64_t i = 1; i < 4; ++i) {
            const store::StoreCounters before = *vault.counters;
            s.append(payload_of(8000, 2 * i), BlockKind::node);
            s.append(payload_of(20'000, 3 * i), BlockKind::data);
            const LogDigest digest = co_await s.blocks.digest();
            EXPECT_EQ(digest.ranges.size(), 1u);
            s.append(payload_of(500, i), BlockKind::commit, Placement::aligned);
            co_await s.blocks.sync();
            EXPECT_EQ(vault.counters->appends, before.appends + 1);
            EXPECT_EQ(vault.counters->syncs, before.syncs + 1);
        }
    });
}

TEST_F(Pipeline, ASyncWithNothingToDoDoesNothing) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        s.append(payload_of(100, 0));
        co_await s.blocks.sync();
        const store::StoreCounters before = *vault.counters;
        co_await s.blocks.sync();
        co_await s.blocks.sync();
        EXPECT_EQ(*vault.counters, before);
    });
}

asio::awaitable<void> sync_and_count(BlockStore& blocks, int& done) {
    co_await blocks.sync();
    ++done;
}

TEST_F(Pipeline, ConcurrentSyncsShareOne) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        s.append(payload_of(100, 0));
        co_await s.blocks.sync();
        const store::StoreCounters before = *vault.counters;
        s.append(payload_of(100, 1));
        int done = 0;
        for (int i = 0; i < 10; ++i)
            asio::co_spawn(vault.context, sync_and_count(s.blocks, done), asio::detached);
        co_await s.blocks.sync();
        while (done < 10) co_await asio::post(vault.context, asio::use_awaitable);
        EXPECT_EQ(vault.counters->syncs, before.syncs + 1);
        EXPECT_EQ(s.blocks.unsynced_bytes(), 0u);
    });
}

TEST_F(Pipeline, WhatIsSyncedSurvivesACrashAtThatMoment) {
    BlockAddress address;
    const SharedBytes payload = payload_of(70'000, 5);
    std::shared_ptr<store::MemoryDisk> after;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        address = s.append(payload);
        co_await s.blocks.sync();
        s.append(payload_of(400'000, 6));  // begins to be written, is never synced
        after = std::make_shared<store::MemoryDisk>(vault.disk->crashed(store::lose_unsynced()));
    });
    vault.disk = after;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const SharedBytes read = co_await s.blocks.read(address, BlockKind::data);
        EXPECT_TRUE(same_bytes(read, payload));
        EXPECT_GT(s.append(payload_of(1, 1)).segment.sequence, address.segment.sequence);
    });
}

TEST_F(Pipeline, LargeAmountsAreEncryptedOnWorkersAndWrittenBeforeAnySync) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 256; ++i) s.append(payload_of(32 << 10, i));
        while (vault.counters->appended_bytes < (7u << 20))
            co_await asio::post(vault.context, asio::use_awaitable);
        EXPECT_EQ(vault.counters->syncs, 0u);
        EXPECT_GT(s.blocks.unsynced_bytes(), 8u << 20);
        co_await s.blocks.sync();
        EXPECT_EQ(s.blocks.unsynced_bytes(), 0u);
    });
}

// Of each segment the first batch is thirty times as long as the second, and both are on workers at a time.
TEST_F(Pipeline, BatchesThatWorkersFinishOutOfTurnAreWrittenInTheOrderOfTheLog) {
    vault.settings.segment_bytes = 1 << 20;
    std::vector<BlockAddress> addresses;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 400; ++i) addresses.push_back(s.append(payload_of(32 << 10, i)));
        const LogDigest digest = co_await s.blocks.digest();
        EXPECT_EQ(digest.ranges.size(), 13u);
        EXPECT_TRUE(std::ranges::is_sorted(digest.ranges, {},
                                           [](const LogRange& range) { return range.segment.sequence; }));
        co_await s.blocks.sync();
    });
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < addresses.size(); ++i) {
            const SharedBytes read = co_await s.blocks.read(addresses[i], BlockKind::data);
            EXPECT_TRUE(same_bytes(read, payload_of(32 << 10, i)));
        }
    });
}

TEST_F(Pipeline, ThrottleKeepsUnsyncedBytesBelowTheLimit) {
    vault.settings.unsynced_limit_bytes = 1 << 20;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        std::size_t most = 0;
        for (std::uint64_t i = 0; i < 500; ++i) {
            s.append(payload_of(32 << 10, i));
            most = std::max(most, s.blocks.unsynced_bytes());
            co_await s.blocks.throttle();
            EXPECT_LT(s.blocks.unsynced_bytes(), 1u << 20);
        }
        EXPECT_LE(most, (1u << 20) + (33u << 10));
    });
}

TEST_F(Pipeline, ReadManyReadsContiguousBlocksTogetherAndKeepsTheOrderAsked) {
    vault.options.reads_must_wait = true;
    std::vector<BlockAddress> addresses;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 100; ++i) addresses.push_back(s.append(payload_of(32 << 10, i)));
        co_await s.blocks.sync();
    });
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        (void)co_await s.pipeline.read(addresses[0], BlockKind::data);  // opens the segment
        const std::uint64_t before = vault.counters->reads;
        const std::vector<SharedBytes> read = co_await s.pipeline.read_many(addresses, BlockKind::data);
        EXPECT_EQ(vault.counters->reads - before, 4u);  // 31 of 33 KiB in a MiB
        EXPECT_EQ(read.size(), 100u);
        for (std::size_t i = 0; i < read.size(); ++i)
            EXPECT_TRUE(same_bytes(read[i], payload_of(32 << 10, i)));

        std::vector<BlockAddress> backwards(addresses.rbegin(), addresses.rend());
        backwards.push_back(addresses[50]);
        const std::vector<SharedBytes> again = co_await s.pipeline.read_many(backwards, BlockKind::data);
        EXPECT_EQ(again.size(), 101u);
        for (std::size_t i = 0; i < 100; ++i) EXPECT_TRUE(same_bytes(again[i], payload_of(32 << 10, 99 - i)));
        EXPECT_TRUE(same_bytes(again[100], payload_of(32 << 10, 50)));

        const std::vector<BlockAddress> none;
        const std::vector<SharedBytes> nothing = co_await s.pipeline.read_many(none, BlockKind::data);
        EXPECT_TRUE(nothing.empty());
    });
}

TEST_F(Pipeline, ReadManyMixesStoredAndUnsyncedBlocks) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        std::vector<BlockAddress> addresses;
        for (std::uint64_t i = 0; i < 10; ++i) {
            addresses.push_back(s.append(payload_of(1000, i)));
            if (i == 5) co_await s.blocks.sync();
        }
        std::swap(addresses[2], addresses[8]);
        const std::vector<SharedBytes> read = co_await s.pipeline.read_many(addresses, BlockKind::data);
        for (std::size_t i = 0; i < 10; ++i) {
            const std::size_t number = i == 2 ? 8 : i == 8 ? 2 : i;
            EXPECT_TRUE(same_bytes(read[i], payload_of(1000, number)));
        }
    });
}

TEST_F(Pipeline, ASegmentThatIsGoneIsNamedAsMissing) {
    BlockAddress address;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        address = s.append(payload_of(1000, 1));
        co_await s.blocks.sync();
    });
    const std::string name = vault.disk->names().front();
    vault.disk->erase(name);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        auto reading = s.pipeline.read(address, BlockKind::data);
        const std::exception_ptr error = co_await error_of(std::move(reading));
        EXPECT_TRUE(has_code(error, make_error_code(Errc::vault_incomplete)));
        EXPECT_THAT(demofs::describe(error), testing::HasSubstr(name));
    });
}

TEST_F(Pipeline, DroppingWithoutASyncStillMakesEverythingDurable) {
    BlockAddress address;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        address = s.append(payload_of(600'000, 1));
        co_return;
    });
    for (const std::string& name : vault.disk->names())
        EXPECT_EQ(vault.disk->durable_bytes(name), vault.disk->contents(name).size());
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const SharedBytes read = co_await s.blocks.read(address, BlockKind::data);
        EXPECT_TRUE(same_bytes(read, payload_of(600'000, 1)));
    });
}

}  // namespace
}  // namespace demofs::block
