#include "demofs/block/cached_block_store.hpp"

#include <gmock/gmock.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "demofs/base/error.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using namespace test;

class Cached : public testing::Test {
  protected:
    CacheStatistics statistics(Vault::Session& s) { return s.stack.cached->statistics(); }

    // A vault that holds `count` blocks of 1000 bytes, written by an earlier session.
    std::vector<BlockAddress> stored_blocks(std::uint64_t count) {
        std::vector<BlockAddress> addresses;
        vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
            for (std::uint64_t i = 0; i < count; ++i) addresses.push_back(s.append(payload_of(1000, i)));
            co_await s.blocks.sync();
        });
        return addresses;
    }

    Vault vault;
};

TEST_F(Cached, ASecondReadNeedsNoStore) {
    const std::vector<BlockAddress> addresses = stored_blocks(3);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        EXPECT_FALSE(s.blocks.try_read(addresses[1]));
        const SharedBytes first = co_await s.blocks.read(addresses[1], BlockKind::data);
        const std::uint64_t reads = vault.counters->reads;
        const SharedBytes second = co_await s.blocks.read(addresses[1], BlockKind::data);
        EXPECT_EQ(first.data(), second.data());
        EXPECT_EQ(s.blocks.try_read(addresses[1]).data(), first.data());
        EXPECT_EQ(vault.counters->reads, reads);
        EXPECT_EQ(statistics(s).misses, 1u);
        EXPECT_EQ(statistics(s).hits, 2u);
    });
}

TEST_F(Cached, ACachedBlockOfAnotherKindIsRefused) {
    const std::vector<BlockAddress> addresses = stored_blocks(1);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        (void)co_await s.blocks.read(addresses[0], BlockKind::data);
        auto reading = s.blocks.read(addresses[0], BlockKind::node);
        const std::exception_ptr error = co_await error_of(std::move(reading));
        EXPECT_TRUE(has_code(error, make_error_code(Errc::corrupt)));
    });
}

TEST_F(Cached, KeepsTheRecentlyUsedWithinItsLimit) {
    vault.settings.cache_bytes = 10'000;
    const std::vector<BlockAddress> addresses = stored_blocks(50);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        for (std::size_t i = 0; i < 50; ++i) {
            (void)co_await s.blocks.read(addresses[i], BlockKind::data);
            (void)co_await s.blocks.read(addresses[0], BlockKind::data);  // stays
            EXPECT_LE(statistics(s).cached_bytes, 10'000u);
        }
        EXPECT_GE(statistics(s).cached_bytes, 8'000u);
        EXPECT_TRUE(s.blocks.try_read(addresses[0]));
        EXPECT_TRUE(s.blocks.try_read(addresses[49]));
        EXPECT_FALSE(s.blocks.try_read(addresses[20]));
    });
}

TEST_F(Cached, UnsyncedBlocksDisplaceNothingAndAreForgottenWhenDurable) {
    vault.settings.cache_bytes = 10'000;
    const std::vector<BlockAddress> addresses = stored_blocks(2);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        (void)co_await s.blocks.read(addresses[0], BlockKind::data);
        const std::size_t cached = statistics(s).cached_bytes;
        std::vector<BlockAddress> fresh;
        for (std::uint64_t i = 0; i < 100; ++i) fresh.push_back(s.append(payload_of(1000, 100 + i)));
        EXPECT_GT(s.blocks.unsynced_bytes(), 100'000u);
        EXPECT_TRUE(s.blocks.try_read(addresses[0]));
        for (std::uint64_t i = 0; i < 100; ++i)
            EXPECT_TRUE(same_bytes(s.blocks.try_read(fresh[i]), payload_of(1000, 100 + i)));
        co_await s.blocks.sync();
        EXPECT_EQ(statistics(s).cached_bytes, cached);
        EXPECT_TRUE(s.blocks.try_read(addresses[0]));
        for (const BlockAddress& address : fresh) EXPECT_FALSE(s.blocks.try_read(address));
        EXPECT_TRUE(same_bytes(co_await s.blocks.read(fresh[99], BlockKind::data), payload_of(1000, 199)));
    });
}

TEST_F(Cached, ABlockLargerThanTheCacheIsReadAndNotKept) {
    vault.settings.cache_bytes = 500;
    const std::vector<BlockAddress> addresses = stored_blocks(1);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const SharedBytes read = co_await s.blocks.read(addresses[0], BlockKind::data);
        EXPECT_TRUE(same_bytes(read, payload_of(1000, 0)));
        EXPECT_EQ(statistics(s).cached_bytes, 0u);
    });
}

asio::awaitable<void> read_into(BlockStore& blocks, BlockAddress address, SharedBytes& out, int& ended) {
    auto reading = blocks.read(address, BlockKind::data);
    try {
        out = co_await std::move(reading);
    } catch (...) {
    }
    ++ended;
}

TEST_F(Cached, ConcurrentFirstReadsOfABlockAreDoneOnce) {
    vault.faults = std::make_shared<store::FaultPlan>();
    const std::vector<BlockAddress> addresses = stored_blocks(1);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        (void)co_await s.catalog.find(addresses[0].segment);
        vault.faults->hold(store::OperationKind::read);
        const std::uint64_t reads = vault.counters->reads;
        std::vector<SharedBytes> out(10);
        int ended = 0;
        for (SharedBytes& one : out)
            asio::co_spawn(vault.context, read_into(s.blocks, addresses[0], one, ended), asio::detached);
        while (vault.faults->held() == 0) co_await asio::post(vault.context, asio::use_awaitable);
        vault.faults->release();
        while (ended < 10) co_await asio::post(vault.context, asio::use_awaitable);
        EXPECT_EQ(vault.counters->reads, reads + 1);
        for (const SharedBytes& one : out) EXPECT_TRUE(same_bytes(one, payload_of(1000, 0)));
    });
}

TEST_F(Cached, ACancelledFirstReaderHarmsNobodyElse) {
    vault.faults = std::make_shared<store::FaultPlan>();
    const std::vector<BlockAddress> addresses = stored_blocks(1);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        vault.faults->hold(store::OperationKind::read);
        SharedBytes first;
        SharedBytes second;
        int ended = 0;
        asio::cancellation_signal cancel;
        asio::co_spawn(vault.context, read_into(s.blocks, addresses[0], first, ended),
                       asio::bind_cancellation_slot(cancel.slot(), asio::detached));
        while (vault.faults->held() == 0) co_await asio::post(vault.context, asio::use_awaitable);
        asio::co_spawn(vault.context, read_into(s.blocks, addresses[0], second, ended), asio::detached);
        co_await asio::post(vault.context, asio::use_awaitable);
        cancel.emit(asio::cancellation_type::terminal);
        vault.faults->release();
        while (ended < 2) co_await asio::post(vault.context, asio::use_awaitable);
        EXPECT_FALSE(first);
        EXPECT_TRUE(same_bytes(second, payload_of(1000, 0)));
    });
}

TEST_F(Cached, ADamagedBlockFailsOnlyItsOwnReaders) {
    vault.faults = std::make_shared<store::FaultPlan>();
    std::vector<BlockAddress> addresses = stored_blocks(2);
    const std::string name = vault.disk->names().front();
    Bytes stored = vault.disk->contents(name);
    stored[addresses[0].offset + 60] ^= std::byte{1};
    vault.disk->put(name, stored);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        (void)co_await s.catalog.find(addresses[0].segment);
        vault.faults->hold(store::OperationKind::read);
        std::exception_ptr both_error;
        int ended = 0;
        const auto read_both = [&]() -> asio::awaitable<void> {
            auto reading = s.blocks.read_many(addresses, BlockKind::data);
            both_error = co_await error_of(std::move(reading));
            ++ended;
        };
        SharedBytes good;
        asio::co_spawn(vault.context, read_both(), asio::detached);
        while (vault.faults->held() == 0) co_await asio::post(vault.context, asio::use_awaitable);
        asio::co_spawn(vault.context, read_into(s.blocks, addresses[1], good, ended), asio::detached);
        co_await asio::post(vault.context, asio::use_awaitable);
        vault.faults->release();
        while (ended < 2) co_await asio::post(vault.context, asio::use_awaitable);
        EXPECT_TRUE(has_code(both_error, make_error_code(Errc::corrupt)));
        EXPECT_TRUE(same_bytes(good, payload_of(1000, 1)));
    });
}

TEST_F(Cached, ReadManyMayAskForABlockTwice) {
    const std::vector<BlockAddress> addresses = stored_blocks(2);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const std::vector<BlockAddress> twice = {addresses[1], addresses[0], addresses[1]};
        const std::vector<SharedBytes> read = co_await s.blocks.read_many(twice, BlockKind::data);
        EXPECT_TRUE(same_bytes(read[0], payload_of(1000, 1)));
        EXPECT_TRUE(same_bytes(read[1], payload_of(1000, 0)));
        EXPECT_EQ(read[2].data(), read[0].data());
    });
}

// One block of 32 KiB, written by an earlier session: eight pieces.
class CachedParts : public Cached {
  protected:
    CachedParts() {
        vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
            address = s.append(payload);
            other = s.append(payload_of(32 << 10, 8));
            co_await s.blocks.sync();
        });
    }
    BlockPart part(std::uint32_t offset, std::uint32_t length) const { return {address, offset, length}; }

    // Reads a part, and tells how many bytes the store was asked for.
    asio::awaitable<std::uint64_t> stored_bytes_for(BlockStore& blocks, BlockPart wanted) {
        const std::uint64_t before = vault.counters->read_bytes;
        const SharedBytes read = co_await blocks.read_part(wanted, BlockKind::data);
        const SharedBytes expected = payload.slice(wanted.offset, wanted.length);
        EXPECT_TRUE(wanted.block != address || same_bytes(read, expected));
        co_return vault.counters->read_bytes - before;
    }

    const SharedBytes payload = payload_of(32 << 10, 7);
    BlockAddress address;
    BlockAddress other;
};

TEST_F(CachedParts, AFirstSmallPartCostsItsPiecesOnly) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        (void)co_await s.catalog.find(address.segment);  // its header is read once
        const std::uint64_t bytes = co_await stored_bytes_for(s.blocks, part(5 * 4096, 4096));
        EXPECT_EQ(bytes, 4112u);
        EXPECT_FALSE(s.blocks.try_read(address));
        const BlockPart two{other, 4095, 2};
        const std::uint64_t of_other = co_await stored_bytes_for(s.blocks, two);
        EXPECT_EQ(of_other, 2 * 4112u);
    });
}

TEST_F(CachedParts, ASecondPartOfABlockReadsAndKeepsItWhole) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        (void)co_await stored_bytes_for(s.blocks, part(0, 100));
        const std::uint64_t second = co_await stored_bytes_for(s.blocks, part(4096, 100));
        EXPECT_EQ(second, address.stored_bytes());
        const std::uint64_t third = co_await stored_bytes_for(s.blocks, part(8192, 100));
        EXPECT_EQ(third, 0u);
        EXPECT_TRUE(s.blocks.try_read(address));
    });
}

TEST_F(CachedParts, MoreThanHalfABlockIsReadWhole) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        (void)co_await s.catalog.find(address.segment);
        const std::uint64_t bytes = co_await stored_bytes_for(s.blocks, part(100, 4 * 4096));
        EXPECT_EQ(bytes, address.stored_bytes());
    });
}

TEST_F(CachedParts, PartsOfWhatIsInMemoryCostNothing) {
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        const BlockPart fresh{s.append(payload_of(32 << 10, 9)), 5000, 10};
        const std::uint64_t bytes = co_await stored_bytes_for(s.blocks, fresh);
        EXPECT_EQ(bytes, 0u);
        auto below = s.pipeline.read_part(fresh, BlockKind::data);
        const SharedBytes read = co_await std::move(below);
        EXPECT_TRUE(same_bytes(read, payload_of(32 << 10, 9).slice(5000, 10)));
        auto wrong = s.pipeline.read_part(fresh, BlockKind::node);
        const std::exception_ptr error = co_await error_of(std::move(wrong));
        EXPECT_TRUE(has_code(error, make_error_code(Errc::corrupt)));
    });
}

TEST_F(CachedParts, DamageIsToldToThoseWhoReadIt) {
    const std::string name = vault.disk->names().front();
    Bytes stored = vault.disk->contents(name);
    stored[address.offset + 48 + 4112 + 10] ^= std::byte{1};  // in the second piece
    vault.disk->put(name, stored);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        (void)co_await stored_bytes_for(s.blocks, part(0, 4096));
        auto reading = s.blocks.read_part(part(4096, 1), BlockKind::data);
        const std::exception_ptr error = co_await error_of(std::move(reading));
        EXPECT_TRUE(has_code(error, make_error_code(Errc::corrupt)));
    });
}

}  // namespace
}  // namespace demofs::block
