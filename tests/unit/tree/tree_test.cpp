#include "demofs/tree/tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "demofs/tree/btree.hpp"
#include "tree_fixture.hpp"

namespace demofs::tree::test {
namespace {

TEST_F(TreeTest, AnEmptyVaultGetsNumbersWithItsFirstCommit) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        EXPECT_FALSE(tree.numbers_left());
        EXPECT_EQ(tree.last_commit(), nullptr);
        co_await tree.commit();
        EXPECT_TRUE(tree.numbers_left());
        EXPECT_EQ(tree.allocate_number(), 2u);
        EXPECT_EQ(tree.allocate_number(), 3u);
        EXPECT_EQ(blocks.syncs, 1u);
        co_await tree.commit();
        EXPECT_EQ(blocks.syncs, 1u) << "nothing was to be committed";
    });
}

TEST_F(TreeTest, ChangesAreThereAfterReopening) {
    settings.node_bytes = 512;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 1000; ++i) co_await put(tree, i, "value " + std::to_string(i));
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        EXPECT_EQ(tree.counters().inodes, 1000u);
        const Contents contents = co_await contents_of(tree);
        EXPECT_EQ(contents.size(), 1000u);
        const std::string value = co_await get(tree, 777);
        EXPECT_EQ(value, "value 777");
        EXPECT_FALSE(tree.dirty());
    });
    EXPECT_EQ(blocks.syncs, 1u) << "a session that changed nothing has nothing to commit";
}

TEST_F(TreeTest, NumbersAreNeverGivenOutTwice) {
    std::uint64_t highest = 0;
    settings.number_reserve = 10;
    for (int round = 0; round < 5; ++round) {
        session([&](Tree& tree) -> asio::awaitable<void> {
            for (int i = 0; i < 25; ++i) {
                if (!tree.numbers_left()) co_await tree.commit();
                const std::uint64_t number = tree.allocate_number();
                EXPECT_GT(number, highest);
                highest = number;
            }
        });
    }
    EXPECT_LT(highest, 5 * 25 + 5 * 10 + 10u);
}

TEST_F(TreeTest, CountersFollowTheChanges) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        Changes changes = put_of({5, Kind::inode, 0}, Bytes(10));
        changes.put({9, Kind::inline_data, 0}, Bytes(100));
        changes.put({10, Kind::extent, 0}, Bytes(10));
        changes.use({3, 4}, 5000);
        tree.apply(changes);
        EXPECT_EQ(tree.counters().inodes, 1u);
        EXPECT_EQ(tree.counters().data_bytes, 5100u);
        Changes removal = erase_of({5, Kind::inode, 0});
        removal.use({3, 4}, -2000);
        tree.apply(removal);
        co_await tree.commit();
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        EXPECT_EQ(tree.counters().inodes, 0u);
        EXPECT_EQ(tree.counters().data_bytes, 3100u);
        co_return;
    });
}

// --- memory --------------------------------------------------------------------------------------

TEST_F(TreeTest, ConcurrentLoadsOfANodeReadItOnce) {
    session([&](Tree& tree) -> asio::awaitable<void> { co_await put(tree, 1, "x"); });
    session([&](Tree& tree) -> asio::awaitable<void> {
        std::vector<Task> tasks(20);
        const auto read = [](Tree& from) -> asio::awaitable<void> {
            const std::string value = co_await get(from, 1);
            EXPECT_EQ(value, "x");
        };
        for (Task& task : tasks) start(read(tree), task);
        co_await settle();
        for (const Task& task : tasks) EXPECT_TRUE(task.done && !task.error);
        EXPECT_EQ(blocks.reads, 1u);
    });
}

// Nodes that were written together lie side by side, and the disk hardly takes longer for eight than for one.
TEST_F(TreeTest, NodesThatLieSideBySideAreReadTogether) {
    settings.node_bytes = 2048;
    blocks.segment_bytes = 1 << 20;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 4000; ++i) co_await put(tree, i, "a value of some length");
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 4000; i += 97) {  // not one after the other
            const std::string value = co_await get(tree, i * 1009 % 4000);
            EXPECT_EQ(value, "a value of some length");
        }
        const std::uint64_t alone = blocks.reads;
        EXPECT_GT(blocks.reads_of_many, 0u);
        const Contents contents = co_await contents_of(tree);
        EXPECT_EQ(contents.size(), 4000u);
        EXPECT_GE(blocks.reads, alone);
        EXPECT_LT(blocks.reads_of_many, blocks.reads / 5) << "each brings several nodes";
    });
}

// Who looks up one key in a large tree reads the nodes on the way, and no more.
TEST_F(TreeTest, ASingleLookupReadsNoNeighbours) {
    settings.node_bytes = 512;
    blocks.segment_bytes = 1 << 20;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 4000; ++i) co_await put(tree, i, "a value of some length");
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        const std::string value = co_await get(tree, 2000);
        EXPECT_EQ(value, "a value of some length");
        EXPECT_EQ(blocks.reads_of_many, 0u);
        EXPECT_LE(blocks.reads, 6u);
    });
}

TEST_F(TreeTest, ThrottleCommitsWhenTooMuchIsDirty) {
    settings.node_cache_bytes = 256 * 1024;
    settings.node_bytes = 1024;
    session([&](Tree& tree) -> asio::awaitable<void> {
        std::size_t most = 0;
        for (std::uint64_t i = 0; i < 20'000; ++i) {
            co_await put(tree, i, std::string(60, 'x'));
            co_await tree.throttle();
            most = std::max(most, tree.dirty_bytes());
        }
        EXPECT_LT(most, 256 * 1024 * 7 / 8);
        // Clean nodes up to the limit, and 7/8 of it each of nodes that a commit has frozen and of changed ones.
        EXPECT_LT(tree.resident_bytes(), 256 * 1024 * 11 / 4);
        EXPECT_GT(blocks.syncs, 5u);
        const std::string value = co_await get(tree, 3);
        EXPECT_EQ(value, std::string(60, 'x'));
    });
}

TEST_F(TreeTest, ATinyCacheOnlyCostsReads) {
    settings.node_bytes = 256;
    settings.node_cache_bytes = 8 * 1024;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 2000; ++i) {
            co_await put(tree, i * 7 % 2000, "v" + std::to_string(i * 7 % 2000));
            co_await tree.throttle();
        }
        co_await tree.commit();
        const std::uint64_t reads = blocks.reads;
        for (std::uint64_t i = 0; i < 2000; ++i) {
            const std::uint64_t number = i * 11 % 2000;
            const std::string value = co_await get(tree, number);
            EXPECT_EQ(value, "v" + std::to_string(number));
            EXPECT_LT(tree.resident_bytes(), 64u * 1024);
        }
        EXPECT_GT(blocks.reads, reads + 1000);
        const Contents contents = co_await contents_of(tree);
        EXPECT_EQ(contents.size(), 2000u);
    });
}

// --- usage of segments ---------------------------------------------------------------------------

TEST_F(TreeTest, TheUsageOfSegmentsIsWhatAWalkFinds) {
    settings.node_bytes = 512;
    blocks.segment_bytes = 8 * 1024;
    Usage data;
    std::uint64_t state = 1;
    for (int round = 0; round < 6; ++round) {
        session([&](Tree& tree) -> asio::awaitable<void> {
            for (int step = 0; step < 40; ++step) {
                Changes changes;
                for (int i = 0; i < 20; ++i) {
                    state = state * 6364136223846793005ull + 1442695040888963407ull;
                    const Key key = number_key((state >> 40) % 700);
                    if (std::ranges::any_of(changes.entries, [&](const auto& e) { return e.key == key; }))
                        continue;
                    const auto read = [&tree, key] { return tree.find(key).has_value(); };
                    const bool exists = co_await tree.retry(read);
                    if (exists && state % 3 == 0) {
                        changes.erase(key);
                    } else {
                        changes.put(key, Bytes(state % 50));
                    }
                }
                const block::SegmentId segment{900 + state % 5, 1};
                changes.use(segment, static_cast<std::int64_t>(state % 100));
                data[segment] += static_cast<std::int64_t>(state % 100);
                const auto apply = [&tree, &changes] { return tree.apply(changes); };
                co_await tree.retry(apply);
                if (step % 5 == 0) co_await tree.commit();
            }
            co_await tree.commit();

            // Walk what is stored.
            Usage real = data;
            std::erase_if(real, [](const auto& entry) { return entry.second == 0; });
            const CommitRecord& record = *tree.last_commit();
            BTree stored(settings.node_bytes, record.root, record.root_birth, record.root_level);
            for (bool done = false; !done;) {
                try {
                    real = data;
                    stored.walk([&](const block::BlockAddress& where,
                                    unsigned) { real[where.segment] += where.stored_bytes(); },
                                [](const Key&, ByteSpan) {});
                    done = true;
                } catch (const NodeFault& fault) {
                    stored.add_loaded(fault.address, blocks.blocks.at(fault.address).payload);
                }
            }
            const auto usage = [&tree] { return tree.segment_usage(); };
            const std::vector<SegmentLive> told = co_await tree.retry(usage);
            Usage told_map;
            for (const SegmentLive& entry : told) told_map[entry.segment] = entry.bytes;
            EXPECT_EQ(told_map, real);
        });
    }
}

}  // namespace
}  // namespace demofs::tree::test
