// Proper ends, and what a crash leaves.
#include "recovery_fixture.hpp"

namespace demofs::tree::test {
namespace {

TEST_F(RecoveryTest, AnEmptyStoreIsAFreshVault) {
    const Recovered found = vault.recover();
    EXPECT_EQ(found.record, nullptr);
    EXPECT_EQ(found.next_sequence, 1u);
    EXPECT_EQ(found.seen_generation, Generation{0});
    EXPECT_FALSE(is_damaged(found));
    EXPECT_THAT(said(found), testing::IsEmpty());
}

TEST_F(RecoveryTest, AfterAProperEndTheLastCommitIsFound) {
    write({"one", "two"});
    write({"three"});
    const Recovered found = vault.recover();
    ASSERT_NE(found.record, nullptr);
    EXPECT_EQ(found.record->generation, Generation{3});
    EXPECT_EQ(found.record->parent_generation, Generation{2});
    EXPECT_EQ(found.record->versions.size(), 1u) << "one copy of the vault";
    EXPECT_EQ(found.seen_generation, Generation{3});
    EXPECT_EQ(found.next_sequence, 3u);
    EXPECT_EQ(found.verdict, Verdict::clean);
    EXPECT_THAT(said(found), testing::IsEmpty());
    EXPECT_EQ(current(), "three");
}

TEST_F(RecoveryTest, ACommitThatReachedTheDiskWholeIsUsedThoughNobodyWasTold) {
    write({"one"});
    crash_while_writing("two", "three", store::keep_unsynced());
    EXPECT_EQ(current(), "three");
    EXPECT_THAT(said(vault.recovered), testing::IsEmpty());
}

TEST_F(RecoveryTest, ACutOffCommitGivesItsParent) {
    for (const std::uint64_t kept : {0u, 100u, 4096u, 4200u}) {
        vault.disk = std::make_shared<store::MemoryDisk>();
        write({"one"});
        crash_while_writing("two", "three", store::tear_unsynced_at(kept));
        EXPECT_EQ(current(), "two") << kept;
        EXPECT_FALSE(is_damaged(vault.recovered));
    }
}

TEST_F(RecoveryTest, APageInFlightThatIsLostTakesNoAcknowledgedCommitAlong) {
    write({"one"});
    store::MemoryDisk at_crash;
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "two");
        co_await tree.commit();  // acknowledged
        co_await put(tree, 1, "three");
        vault.disk->on_operation([&](const store::StoreOperation& operation) {
            if (operation.kind == store::OperationKind::append) at_crash = vault.disk->snapshot();
        });
        co_await tree.commit();
        vault.disk->on_operation({});
    });
    vault.disk = std::make_shared<store::MemoryDisk>(at_crash.crashed_in_pages());
    EXPECT_EQ(current(), "two");
    EXPECT_FALSE(is_damaged(vault.recovered)) << testing::PrintToString(said(vault.recovered));
}

// The kernel keeps pages that it could not write and calls them written: whoever reads through its cache finds
// a whole commit, builds on it, and loses both when the cache is gone.
TEST_F(RecoveryTest, AfterAFailedSyncTheNextSessionBuildsOnNothingThatOnlyTheCacheHolds) {
    write({"one"});
    EXPECT_THROW(vault.session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "two");
        co_await tree.commit();  // acknowledged
        co_await put(tree, 1, "three");
        for (std::uint64_t i = 0; i < 500; ++i) co_await put(tree, 100 + i, "text that takes room in leaves");
        vault.disk->fail_sync(1);
        co_await tree.commit();
    }),
                 Error);
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        EXPECT_EQ(co_await get(tree, 1), "two");
        co_await put(tree, 2, "four");
        co_await tree.commit();  // acknowledged
    });
    vault.crash(*vault.disk, store::lose_unsynced());
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        EXPECT_EQ(co_await get(tree, 1), "two");
        EXPECT_EQ(co_await get(tree, 2), "four");
    });
    EXPECT_FALSE(is_damaged(vault.recovered));
}

TEST_F(RecoveryTest, ASessionsFirstCommitCutOffGivesTheSessionBefore) {
    write({"one"});
    crash_while_writing("", "two", store::tear_unsynced_at(1000));
    EXPECT_EQ(current(), "one");
    EXPECT_FALSE(is_damaged(vault.recovered));
    EXPECT_GE(vault.recovered.seen_generation, Generation{1});
    write({"three"});
    EXPECT_EQ(current(), "three") << "the tail that was given up is no fork";
    EXPECT_THAT(said(vault.recovered), testing::IsEmpty());
}

TEST_F(RecoveryTest, ARecordWhoseNodesAreLostIsACrashTailAndSaidSo) {
    write({"one"});
    crash_while_writing("two", "three", lose_all_but_the_record);
    const Recovered found = vault.recover();
    EXPECT_EQ(found.record->generation, Generation{2});
    EXPECT_EQ(found.seen_generation, Generation{3}) << "the attempt's number is used up";
    EXPECT_FALSE(is_damaged(found));
    EXPECT_THAT(said(found), testing::ElementsAre(testing::HasSubstr("cut off by a crash")));
    EXPECT_EQ(current(), "two");
    write({"four"});
    EXPECT_EQ(current(), "four");
    EXPECT_THAT(said(vault.recovered), testing::IsEmpty()) << "old news";
}

// A commit is whole if everything is there that was appended for it: files' data, too, and not only its nodes.
TEST_F(RecoveryTest, ARecordWhoseDataIsLostIsACrashTail) {
    write({"one"});
    store::MemoryDisk at_crash;
    block::BlockAddress data;
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "two");
        co_await tree.commit();
        block::BlockHeader header;
        header.owner = 9;
        const Bytes content(9000, std::byte{1});
        data = tree.blocks().append(header, SharedBytes::copy_of(content), block::Placement::packed);
        co_await put(tree, 1, "three");
        vault.disk->on_operation([&](const store::StoreOperation& operation) {
            if (operation.kind == store::OperationKind::append) at_crash = vault.disk->snapshot();
        });
        co_await tree.commit();
        vault.disk->on_operation({});
    });
    bool lost = false;
    vault.crash(at_crash, [&](const std::string&, std::uint64_t offset, Bytes& unsynced) {
        if (data.offset < offset || data.end() > offset + unsynced.size()) return;
        const auto begin = unsynced.begin() + static_cast<std::ptrdiff_t>(data.offset - offset);
        std::fill(begin + 4096, begin + 8192, std::byte{0});
        lost = true;
    });
    ASSERT_TRUE(lost);
    EXPECT_EQ(verdict(), Verdict::crash_tail);
    EXPECT_EQ(current(), "two");
}

TEST_F(RecoveryTest, AHeaderThatNeverReachedTheDiskIsACrash) {
    write({"one"});
    const auto before = vault.disk;
    for (const store::CrashPolicy& policy :
         {store::lose_unsynced(), store::tear_unsynced_at(100), store::zero_unsynced(8192)}) {
        vault.disk = std::make_shared<store::MemoryDisk>(before->snapshot());
        crash_while_writing("", "two", policy);
        EXPECT_EQ(current(), "one");
        EXPECT_FALSE(is_damaged(vault.recovered));
    }
}

TEST_F(RecoveryTest, WithAStoreWhoseSyncsEndObjectsItIsTheSame) {
    vault.options.sync_ends_object = true;
    write({"one", "two"});
    crash_while_writing("three", "four", store::tear_unsynced_at(1000));
    EXPECT_EQ(current(), "three");
    EXPECT_FALSE(is_damaged(vault.recovered));
    write({"five", "six"});
    EXPECT_EQ(current(), "six");
}

}  // namespace
}  // namespace demofs::tree::test
