// Histories that did not know of each other.
#include "recovery_fork_fixture.hpp"

namespace demofs::tree::test {
namespace {

TEST_F(RecoveryForkTest, TwoHistoriesAreRefused) {
    fork();
    EXPECT_EQ(verdict(), Verdict::fork);
    EXPECT_THAT(sentence, testing::HasSubstr("two histories"));
}

TEST_F(RecoveryForkTest, WhoOnlyReadsSeesTheLongerHistoryAndIsTold) {
    fork();
    for (int i = 0; i < 2; ++i) {
        const Recovered found = vault.recover();
        EXPECT_EQ(found.verdict, Verdict::fork);
        EXPECT_EQ(said(found).size(), 1u);
        EXPECT_EQ(found.record->generation, Generation{3});
        EXPECT_THAT(found.record->given_up, testing::IsEmpty());
    }
}

TEST_F(RecoveryForkTest, AnAcceptedForkIsOverAlsoIfTheOtherBranchHasManySessions) {
    for (int sessions = 2; sessions <= 5; ++sessions) {
        fork(sessions + 2, sessions);
        vault.recovery_settings.accept_fork = true;
        write({"goes on"});
        vault.recovery_settings.accept_fork = false;
        EXPECT_EQ(verdict(), Verdict::clean) << sentence;
        EXPECT_EQ(current(), "goes on");
    }
}

TEST_F(RecoveryForkTest, AnAcceptedForkIsOverWithTheNextCommit) {
    fork();
    vault.recovery_settings.accept_fork = true;
    EXPECT_EQ(current(), "left 2");
    EXPECT_EQ(vault.recovered.verdict, Verdict::clean);
    EXPECT_THAT(said(vault.recovered), testing::ElementsAre(testing::HasSubstr("two histories")));
    write({"goes on"});
    vault.recovery_settings.accept_fork = false;
    EXPECT_EQ(current(), "goes on");
    EXPECT_EQ(vault.recovered.verdict, Verdict::clean);
    EXPECT_THAT(said(vault.recovered), testing::IsEmpty());
    write({"further"});
    EXPECT_EQ(current(), "further");
}

TEST_F(RecoveryForkTest, TheOtherHistoryCanBeShownAndGoneOnWith) {
    for (int sessions = 1; sessions <= 4; ++sessions) {
        fork(sessions + 1, sessions);
        const Recovered found = vault.recover();
        ASSERT_EQ(found.histories.size(), 2u);
        EXPECT_GT(found.histories[0].version.commit.generation, found.histories[1].version.commit.generation);
        for (const HistoryHead& history : found.histories) {
            vault.recovery_settings.history = history.id();
            vault.recovery_settings.accept_fork = false;
            const Recovered shown = vault.recover(vault.recovery_settings);
            EXPECT_EQ(shown.verdict, Verdict::fork);
            ASSERT_EQ(shown.histories.size(), 2u);
            EXPECT_EQ(shown.histories[0].version, history.version);
            vault.recovery_settings.accept_fork = true;
            const bool newer = history.version == found.histories[0].version;
            EXPECT_EQ(current(), newer ? "left 2" : "right");
        }
        write({"goes on"});  // on the one that was shown last: the older one
        vault.recovery_settings = {};
        EXPECT_EQ(current(), "goes on");
        EXPECT_EQ(vault.recovered.verdict, Verdict::clean) << sessions;
        EXPECT_THAT(vault.recovered.histories, testing::IsEmpty());
    }
}

TEST_F(RecoveryForkTest, AHistoryThatIsNotThereIsRefused) {
    fork();
    vault.recovery_settings.history = HistoryId{std::byte{0xff}, std::byte{0xff}};
    try {
        (void)vault.recover(vault.recovery_settings);
        FAIL() << "it took another one";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), std::errc::invalid_argument);
    }
}

TEST_F(RecoveryForkTest, ABranchThatWasGivenUpAndGoesOnIsAForkAgain) {
    fork();
    const auto right = std::make_shared<store::MemoryDisk>(right_disk->snapshot());
    vault.recovery_settings.accept_fork = true;
    write({"goes on"});
    vault.recovery_settings.accept_fork = false;
    const auto accepted = vault.disk;
    vault.disk = right;
    write({"right 2", "right 3"});
    vault.disk = accepted;
    merge(*right);
    EXPECT_EQ(verdict(), Verdict::fork);
}

// However many sessions each side has, and whichever of their segments sorts first.
TEST_F(RecoveryForkTest, EveryForkIsNoticed) {
    for (int left = 1; left <= 4; ++left) {
        for (int right = 1; right <= 4; ++right) {
            for (int run = 0; run < 4; ++run) {
                fork(left, right);
                EXPECT_EQ(verdict(), Verdict::fork) << left << " and " << right;
            }
        }
    }
}

// The machines do not end in order either: each side's last session is cut off, with a torn commit or without.
TEST_F(RecoveryForkTest, EveryForkOfCrashedSessionsIsNoticed) {
    const store::CrashPolicy policies[] = {store::lose_unsynced(), store::keep_unsynced(),
                                           store::tear_unsynced_at(4096), lose_all_but_the_record,
                                           lose_all_but_the_ends};
    for (int left = 0; left <= 2; ++left) {
        for (int right = 0; right <= 2; ++right) {
            for (const store::CrashPolicy& policy : policies) {
                SCOPED_TRACE(std::to_string(left) + " and " + std::to_string(right));
                vault.disk = std::make_shared<store::MemoryDisk>();
                write({"one"});
                const auto common = std::make_shared<store::MemoryDisk>(vault.disk->snapshot());
                for (int i = 0; i < left; ++i) write({"left"});
                crash_while_writing("left, synced", "left, not synced", policy);
                const ReplicaVersion left_end = version_of(*vault.recover().record);
                const auto left_disk = vault.disk;
                vault.disk = common;
                for (int i = 0; i < right; ++i) write({"right"});
                crash_while_writing("right, synced", "right, not synced", policy);
                merge(*left_disk);
                RecoverySettings settings;
                settings.known = left_end;
                EXPECT_EQ(verdict(settings), Verdict::fork) << sentence;
            }
        }
    }
}

// A torn commit proves that the one before it was synced, also where only the other machine has it so far.
TEST_F(RecoveryForkTest, ABranchOfWhichOnlyATornCommitHasArrivedIsIncomplete) {
    write({"one"});
    const auto common = std::make_shared<store::MemoryDisk>(vault.disk->snapshot());
    write({"left", "left 2", "left 3", "left 4"});
    const auto left = vault.disk;
    vault.disk = common;
    write({"right"});
    const std::string before = newest();
    crash_while_writing("", "right, not synced", lose_all_but_the_ends);
    const Bytes arrives_late = vault.disk->contents(before);
    vault.disk->erase(before);
    merge(*left);
    EXPECT_EQ(verdict(), Verdict::incomplete) << sentence;
    vault.disk->put(before, arrives_late);
    EXPECT_EQ(verdict(), Verdict::fork) << sentence;
}

TEST_F(RecoveryForkTest, ASegmentThatGoesOnBehindItsSuccessorsBaseIsAFork) {
    store::MemoryDisk then;
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "one");
        co_await tree.commit();
        then = vault.disk->snapshot();  // copied to another machine
        co_await put(tree, 1, "two");
        co_await tree.commit();
    });
    const auto first = vault.disk;
    vault.disk = std::make_shared<store::MemoryDisk>(then);
    for (int i = 0; i < 3; ++i) write({"there"});
    for (const std::string& name : first->names()) vault.disk->put(name, first->contents(name));
    EXPECT_EQ(verdict(), Verdict::fork);
}

TEST_F(RecoveryForkTest, ManySessionsAndMachinesAreNoFork) {
    for (int i = 0; i < 150; ++i) {
        vault.tree_settings.replica.bytes[0] = std::byte(i);
        write({"text " + std::to_string(i)});
    }
    EXPECT_EQ(current(), "text 149");
    // Nor are a crash's leftovers, however old.
    crash_while_writing("kept", "lost", store::tear_unsynced_at(4096));
    for (int i = 0; i < 80; ++i) write({"again " + std::to_string(i)});
    EXPECT_EQ(current(), "again 79");
    EXPECT_THAT(said(vault.recovered), testing::IsEmpty());
}

TEST_F(RecoveryForkTest, AnotherMachinesOlderBranchIsFoundBelowManySegments) {
    write({"one"});
    const auto common = std::make_shared<store::MemoryDisk>(vault.disk->snapshot());
    write({"right"});
    const auto right = vault.disk;
    vault.disk = common;
    vault.block_settings.segment_bytes = 64 * 1024;
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 5000; ++i) co_await put(tree, i, std::string(60, 'x'));
    });
    EXPECT_EQ(verdict(), Verdict::clean);
    for (const std::string& name : right->names()) {
        if (!vault.disk->contains(name)) vault.disk->put(name, right->contents(name));
    }
    EXPECT_EQ(verdict(), Verdict::fork);
}

}  // namespace
}  // namespace demofs::tree::test
