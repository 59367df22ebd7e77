// Where blocks are put: packing, boundaries, segments.
#include "demofs/block/segment_log.hpp"

#include <gmock/gmock.h>

#include <set>

#include "demofs/base/error.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using namespace test;

class LogLayout : public testing::Test {
  protected:
    Vault vault;
};

TEST_F(LogLayout, BlocksAreContiguousFromBehindTheHeader) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const BlockAddress first = s.append(payload_of(100, 1));
        const BlockAddress second = s.append(payload_of(5000, 2));
        const BlockAddress third = s.append(payload_of(1, 3));
        EXPECT_EQ(first.segment.sequence, 1u);
        EXPECT_EQ(first.offset, segment_header_bytes);
        EXPECT_EQ(second.offset, first.end());
        EXPECT_EQ(third.offset, second.end());
        EXPECT_EQ(third.segment, first.segment);
        co_return;
    });
}

TEST_F(LogLayout, AnAlignedBlockStartsOnABoundaryAndTheNextOneIsPacked) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const BlockAddress first = s.append(payload_of(100, 1));
        const BlockAddress commit = s.append(payload_of(100, 2), BlockKind::commit, Placement::aligned);
        const BlockAddress third = s.append(payload_of(100, 3));
        EXPECT_EQ(commit.offset, boundary_bytes);
        EXPECT_EQ(commit.segment, first.segment);
        EXPECT_EQ(third.offset, commit.end());
        co_return;
    });
}

TEST_F(LogLayout, AfterASyncTheNextBlockStartsOnAFreshBoundary) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        BlockAddress last = s.append(payload_of(100, 1));
        for (std::uint64_t i = 2; i < 10; ++i) {
            co_await s.blocks.sync();
            const BlockAddress next = s.append(payload_of(100 * i, i));
            EXPECT_EQ(next.segment, last.segment);
            EXPECT_EQ(next.offset, align_up(last.end()));
            last = next;
        }
    });
}

// A page that is being written when power fails may be lost as a whole.
TEST_F(LogLayout, APageWithAcknowledgedBytesIsNeverWrittenAgain) {
    for (const bool large : {false, true}) {
        std::uint64_t acknowledged = 0;  // the object's size when a sync had returned
        std::size_t appends = 0;
        std::size_t rewritten = 0;
        vault.disk = std::make_shared<store::MemoryDisk>();
        vault.disk->on_operation([&](const store::StoreOperation& operation) {
            if (operation.kind != store::OperationKind::append) return;
            ++appends;
            if (operation.offset < align_up(static_cast<std::uint32_t>(acknowledged))) ++rewritten;
        });
        vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
            for (std::uint64_t i = 0; i < 8; ++i) {
                s.append(payload_of(100 * i, i));
                // What is large is written before any sync wants it.
                for (std::uint64_t k = 0; large && k < 30; ++k) s.append(payload_of(30'001, k));
                if (i % 3 == 0) s.append(payload_of(100, i), BlockKind::commit, Placement::aligned);
                for (int turns = 0; turns < static_cast<int>(i); ++turns)
                    co_await asio::post(vault.context, asio::use_awaitable);
                co_await s.blocks.sync();
                acknowledged = vault.disk->durable_bytes(vault.disk->names().front());
            }
        });
        EXPECT_GT(appends, 8u);
        EXPECT_EQ(rewritten, 0u) << "of " << appends;
        vault.disk->on_operation({});
    }
}

TEST_F(LogLayout, TheBoundaryIsFreshFromTheMomentOfTheSyncsCall) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        // What a sync does to the object is known only after the first one.
        s.append(payload_of(10, 0));
        co_await s.blocks.sync();

        const BlockAddress before = s.append(payload_of(10, 1));
        bool synced = false;
        const auto syncing = [](BlockStore& blocks, bool& done) -> asio::awaitable<void> {
            co_await blocks.sync();
            done = true;
        };
        asio::co_spawn(vault.context, syncing(s.blocks, synced), asio::detached);
        while (s.pipeline.unsynced_bytes() > 0 && !synced) {
            const BlockAddress during = s.append(payload_of(10, 2));
            if (during.offset == before.end()) {  // the coroutine has not started yet
                co_await asio::post(vault.context, asio::use_awaitable);
                continue;
            }
            EXPECT_EQ(during.offset % boundary_bytes, 0u);
            break;
        }
        co_await s.blocks.sync();
    });
}

TEST_F(LogLayout, ABlockAppendedDuringTheVeryFirstSyncGoesToANewSegment) {
    vault.faults = std::make_shared<store::FaultPlan>();
    vault.faults->hold(store::OperationKind::sync);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const BlockAddress first = s.append(payload_of(10, 1));
        asio::co_spawn(vault.context, s.blocks.sync(), asio::detached);
        while (vault.faults->held() == 0) co_await asio::post(vault.context, asio::use_awaitable);
        const BlockAddress during = s.append(payload_of(10, 2));
        EXPECT_NE(during.segment, first.segment);
        vault.faults->release();
        co_await s.blocks.sync();
        const BlockAddress after = s.append(payload_of(10, 3));
        EXPECT_EQ(after.segment, during.segment);
    });
}

TEST_F(LogLayout, SegmentsRollAtTheirSizeAndKeepRoomForTheSeal) {
    vault.settings.segment_bytes = 128 * 1024;
    std::vector<BlockAddress> addresses;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 50; ++i) addresses.push_back(s.append(payload_of(20'000, i)));
        co_await s.blocks.sync();
    });
    std::set<SegmentId> segments;
    for (const BlockAddress& address : addresses) segments.insert(address.segment);
    EXPECT_EQ(segments.size(), 9u);  // six blocks each
    EXPECT_EQ(vault.disk->object_count(), 9u);
    for (const std::string& name : vault.disk->names())
        EXPECT_LE(vault.disk->contents(name).size(), vault.settings.segment_bytes);
    vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
        for (const ListedSegment& listed : reader.catalog().segments()) {
            const std::optional<SealRecord> seal = co_await reader.seal_of(listed.id);
            const bool sealed = seal.has_value();
            EXPECT_TRUE(sealed) << describe(listed.id);
        }
    });
}

// Whoever finds a seal takes what is missing before it for damage, and not for what a crash has left.
TEST_F(LogLayout, TheBlocksAreDurableBeforeTheSealIsWritten) {
    vault.settings.segment_bytes = 128 * 1024;
    std::vector<std::uint64_t> not_durable;  // bytes, at each seal
    vault.disk->on_operation([&](const store::StoreOperation& operation) {
        if (operation.kind != store::OperationKind::append || operation.size_bytes != segment_end_bytes)
            return;
        not_durable.push_back(operation.offset - vault.disk->durable_bytes(operation.name));
    });
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 50; ++i) s.append(payload_of(20'000, i));
        co_await s.blocks.sync();
    });
    vault.disk->on_operation({});
    EXPECT_EQ(not_durable, std::vector<std::uint64_t>(9, 0));
}

TEST_F(LogLayout, ABlockLargerThanASegmentGetsOneOfItsOwn) {
    vault.settings.segment_bytes = 64 * 1024;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const BlockAddress small = s.append(payload_of(100, 1));
        const BlockAddress large = s.append(payload_of(1 << 20, 2));
        const BlockAddress next = s.append(payload_of(100, 3));
        EXPECT_LT(small.segment.sequence, large.segment.sequence);
        EXPECT_LT(large.segment.sequence, next.segment.sequence);
        co_await s.blocks.sync();
    });
}

TEST_F(LogLayout, OnAStoreWhoseSyncsEndObjectsEachSyncEndsASegment) {
    vault.options.sync_ends_object = true;
    std::vector<BlockAddress> addresses;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 5; ++i) {
            addresses.push_back(s.append(payload_of(100, 2 * i)));
            addresses.push_back(s.append(payload_of(100, 2 * i + 1)));
            co_await s.blocks.sync();
        }
    });
    for (std::size_t i = 0; i < addresses.size(); ++i) EXPECT_EQ(addresses[i].segment.sequence, i / 2 + 1);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::size_t i = 0; i < addresses.size(); ++i) {
            const SharedBytes read = co_await s.blocks.read(addresses[i], BlockKind::data);
            EXPECT_TRUE(same_bytes(read, payload_of(100, i)));
        }
    });
}

TEST_F(LogLayout, ASessionContinuesTheNumbersButNeverASegment) {
    std::set<SegmentId> seen;
    std::set<SegmentUid> keys_used;
    for (std::uint64_t session = 1; session <= 4; ++session) {
        vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
            const BlockAddress address = s.append(payload_of(100, session));
            EXPECT_EQ(address.segment.sequence, session);
            EXPECT_TRUE(seen.insert(address.segment).second);
            co_await s.blocks.sync();
            const SharedSegment segment = co_await s.catalog.find(address.segment);
            EXPECT_TRUE(keys_used.insert(segment->uid).second);  // so no nonce is used with one key twice
        });
    }
}

TEST_F(LogLayout, ASessionThatWritesNothingCreatesNothing) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> { co_await s.blocks.sync(); });
    EXPECT_EQ(vault.disk->object_count(), 0u);
}

TEST_F(LogLayout, ForeignObjectsAreCountedAndIgnored) {
    vault.disk->put("notes", as_bytes("hello"));
    vault.disk->put("00112233445566778899aabbccddeeff", as_bytes("hello"));
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        EXPECT_EQ(s.append(payload_of(1, 1)).segment.sequence, 1u);
        EXPECT_EQ(s.catalog.foreign_objects(), 2u);
        EXPECT_TRUE(s.catalog.segments().empty());
        co_return;
    });
}

using LogLayoutDeathTest = LogLayout;

TEST_F(LogLayoutDeathTest, ABlockIsEncryptedForItsPlaceOnly) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        PlainBlock first;
        first.slot = s.stack.log->reserve(100, Placement::packed);
        first.payload = payload_of(100, 1);
        PlainBlock second = first;
        second.slot = s.stack.log->reserve(100, Placement::packed);
        const std::vector<PlainBlock> swapped{second, first};
        Batch batch(second, 1024);
        EXPECT_DEATH(batch.encrypt(swapped), "A block is encrypted for the place right behind");
        co_return;
    });
}

TEST_F(LogLayoutDeathTest, ABatchIsWrittenAtItsPlaceOnly) {
    EXPECT_DEATH(vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        PlainBlock first;
        first.slot = s.stack.log->reserve(100, Placement::packed);
        first.payload = payload_of(100, 1);
        PlainBlock second = first;
        second.slot = s.stack.log->reserve(100, Placement::packed);
        const std::vector<PlainBlock> only_the_second(1, second);
        Batch batch(second, 1024);
        batch.encrypt(only_the_second);
        co_await s.stack.log->write(batch, store::Durability::buffered);
    }),
                 "A batch is written at the place it was encrypted for");
}

}  // namespace
}  // namespace demofs::block
