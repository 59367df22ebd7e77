// Commits: who shares one, who waits for the next, and what one holds.
#include "demofs/tree/tree.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <string>
#include <vector>

#include "demofs/base/error.hpp"
#include "tree_fixture.hpp"

namespace demofs::tree::test {
namespace {

TEST_F(TreeTest, ConcurrentCallersShareCommits) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        std::vector<Task> tasks(50);
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            const Epoch epoch = co_await put(tree, i, "x");
            start(tree.make_durable(epoch), tasks[i]);
        }
        co_await settle();
        for (const Task& task : tasks) EXPECT_TRUE(task.done && !task.error);
        EXPECT_LE(blocks.syncs, 2u);
    });
}

TEST_F(TreeTest, WhoComesAfterTheFreezeWaitsForTheNextCommit) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        blocks.hold_sync = true;
        std::vector<Task> early(10);
        for (std::size_t i = 0; i < early.size(); ++i) {
            const Epoch epoch = co_await put(tree, i, "early");
            start(tree.make_durable(epoch), early[i]);
        }
        co_await settle();
        EXPECT_EQ(blocks.syncs, 1u);
        Task of_frozen;
        start(tree.make_durable(Epoch{1}), of_frozen);  // already in the commit in flight
        std::vector<Task> late(10);
        for (std::size_t i = 0; i < late.size(); ++i) {
            const Epoch epoch = co_await put(tree, 100 + i, "late");
            EXPECT_EQ(epoch, Epoch{2});
            start(tree.make_durable(epoch), late[i]);
        }
        co_await settle();
        EXPECT_EQ(blocks.records.size(), 1u) << "a record is appended only after the sync of the one before";
        EXPECT_FALSE(early[0].done);
        blocks.release_sync();
        co_await settle();
        EXPECT_TRUE(of_frozen.done && early[9].done && late[0].done && late[9].done);
        EXPECT_EQ(blocks.syncs, 2u);
    });
}

TEST_F(TreeTest, ACommitHoldsWhatWasFrozenWhileChangesGoOn) {
    settings.node_bytes = 256;
    Contents frozen;
    EXPECT_THROW(session([&](Tree& tree) -> asio::awaitable<void> {
                     for (std::uint64_t i = 0; i < 300; ++i) co_await put(tree, i, "first");
                     frozen = co_await contents_of(tree);
                     blocks.hold_sync = true;
                     Task commit;
                     start(tree.commit(), commit);
                     while (tree.epoch() == Epoch{1}) co_await settle();
                     for (std::uint64_t i = 0; i < 300; i += 3) co_await put(tree, i, "second");
                     for (std::uint64_t i = 1; i < 300; i += 3) tree.apply(erase_of(number_key(i)));
                     co_await settle();
                     blocks.appends_until_failure = 0;  // what came after the freeze is lost
                     blocks.release_sync();
                     co_await settle();
                     EXPECT_TRUE(commit.done && !commit.error);
                     EXPECT_TRUE(tree.dirty());
                 }),
                 Error);
    session([&](Tree& tree) -> asio::awaitable<void> {
        const Contents stored = co_await contents_of(tree);
        EXPECT_EQ(stored, frozen);
    });
}

TEST_F(TreeTest, AWaiterThatIsCancelledLeavesTheCommitRunning) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "x");
        blocks.hold_sync = true;
        asio::cancellation_signal cancel;
        bool ended = false;
        asio::co_spawn(
            context, tree.commit(),
            asio::bind_cancellation_slot(cancel.slot(), [&ended](std::exception_ptr) { ended = true; }));
        co_await settle();
        cancel.emit(asio::cancellation_type::terminal);
        co_await settle();
        blocks.release_sync();
        co_await settle();
        EXPECT_TRUE(ended);
        EXPECT_FALSE(tree.dirty());
        EXPECT_FALSE(tree.read_only());
    });
}

TEST_F(TreeTest, ASmallChangeCostsOnePathAndARecord) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 50'000; ++i) co_await put(tree, i, std::string(60, 'x'));
        co_await tree.commit();
        co_await put(tree, 1, "settles the usage");
        co_await tree.commit();

        const std::uint64_t appends = blocks.appends;
        const std::uint64_t bytes = blocks.appended_bytes;
        co_await put(tree, 25'000, "changed");
        co_await tree.commit();
        // Three levels; the entries of segment usage are in the first leaf: a second path below the root.
        EXPECT_LE(blocks.appends - appends, 6u);
        EXPECT_LE(blocks.appended_bytes - bytes, 5 * 8300u + 4096u);
    });
}

TEST_F(TreeTest, NodesAreBornInTheAttemptThatStoresThem) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (int round = 1; round <= 3; ++round) {
            co_await put(tree, static_cast<std::uint64_t>(round), "x");
            co_await tree.commit();
            EXPECT_EQ(tree.generation(), Generation(static_cast<std::uint64_t>(round)));
            EXPECT_EQ(tree.last_commit()->generation, tree.generation());
        }
    });
    std::uint64_t last = 0;
    for (const block::BlockAddress& where : blocks.records) {
        const CommitRecord record = decode_commit_record(blocks.blocks.at(where).payload);
        EXPECT_EQ(blocks.blocks.at(where).header.birth_generation, raw(record.generation));
        EXPECT_EQ(blocks.blocks.at(record.root).header.birth_generation, raw(record.generation));
        EXPECT_EQ(raw(record.parent_generation), last);
        EXPECT_EQ(where.offset % 4096, 0u);
        last = raw(record.generation);
    }
}

TEST_F(TreeTest, GenerationsGoOnAboveEveryRecordEverSeen) {
    session([&](Tree& tree) -> asio::awaitable<void> { co_await tree.commit(); });
    settings.seen_generation = Generation{41};
    session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "x");
        co_await tree.commit();
        EXPECT_EQ(tree.generation(), Generation{42});
        EXPECT_EQ(tree.last_commit()->parent_generation, Generation{1});
        EXPECT_EQ(tree.last_commit()->versions.size(), 1u);
    });
}

TEST_F(TreeTest, ALargeCommitLetsOthersRun) {
    settings.node_bytes = 512;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 60'000; ++i) co_await put(tree, i, std::string(60, 'x'));
        Task commit;
        start(tree.commit(), commit);
        const std::uint64_t before = blocks.appends;
        std::vector<std::uint64_t> seen;
        while (!commit.done) {
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            co_await asio::post(executor, asio::use_awaitable);
            if (seen.empty() || seen.back() != blocks.appends - before)
                seen.push_back(blocks.appends - before);
        }
        EXPECT_GT(seen.size(), 3u) << "the commit ran in one piece";
    });
}

}  // namespace
}  // namespace demofs::tree::test
