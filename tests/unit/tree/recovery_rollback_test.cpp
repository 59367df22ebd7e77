// States that are older than what is known to have been there.
#include "recovery_fork_fixture.hpp"

namespace demofs::tree::test {
namespace {

class RecoveryRollbackTest : public RecoveryForkTest {
  protected:
    // The newest commit, which this machine would remember after an unmount.
    ReplicaVersion newest_version() { return version_of(*vault.recover().record); }

    std::shared_ptr<store::MemoryDisk> copy() {
        return std::make_shared<store::MemoryDisk>(vault.disk->snapshot());
    }

    Verdict verdict_knowing(const ReplicaVersion& known) {
        RecoverySettings settings;
        settings.known = known;
        return verdict(settings);
    }
};

TEST_F(RecoveryRollbackTest, AnOldCopyIsOlderThanWhatIsKnown) {
    write({"one"});
    const auto old = copy();
    write({"two", "three"});
    const ReplicaVersion known = newest_version();
    EXPECT_EQ(verdict_knowing(known), Verdict::clean);
    vault.disk = old;
    EXPECT_EQ(verdict_knowing(known), Verdict::rolled_back);
    EXPECT_THAT(sentence, testing::HasSubstr("older than this machine has seen it: commit 3 is not there"));
    vault.recovery_settings.known = known;
    EXPECT_EQ(vault.recover(vault.recovery_settings).record->generation, Generation{1});
    EXPECT_THROW(current(), Error);
}

TEST_F(RecoveryRollbackTest, WhatCameAfterIsNoRollbackWhoeverWroteIt) {
    write({"one"});
    std::vector<ReplicaVersion> versions(1, newest_version());
    for (unsigned i = 0; i < 6; ++i) {
        vault.tree_settings.replica.bytes[0] = std::byte(i % 3);
        write({"text"});
        versions.push_back(newest_version());
    }
    for (const ReplicaVersion& known : versions) EXPECT_EQ(verdict_knowing(known), Verdict::clean);
}

TEST_F(RecoveryRollbackTest, ANewestSegmentWithoutItsEndLooksLikeACrashButIsARollback) {
    write({"one"});
    write({"two", "three"});
    const ReplicaVersion known = newest_version();
    vault.cut(newest(), vault.recover().record->address.offset);
    EXPECT_EQ(verdict(), Verdict::clean) << "nobody else can tell";
    EXPECT_EQ(verdict_knowing(known), Verdict::rolled_back);
    vault.disk->erase(newest());
    EXPECT_EQ(verdict(), Verdict::clean);
    EXPECT_EQ(verdict_knowing(known), Verdict::rolled_back);
}

TEST_F(RecoveryRollbackTest, DamageIsWorseThanBeingOlder) {
    write({"one"});
    write({"two"});
    const ReplicaVersion known = newest_version();
    vault.cut(newest(), vault.disk->contents(newest()).size() - block::segment_header_bytes);
    vault.flip_byte(newest(), 20);
    vault.recovery_settings.known = known;
    vault.recovery_settings.accept_rollback = true;
    EXPECT_EQ(verdict(vault.recovery_settings), Verdict::damaged);
    const Recovered found = vault.recover(vault.recovery_settings);
    EXPECT_THAT(found.notes, testing::ElementsAre(testing::HasSubstr("older than this machine has seen it")));
}

TEST_F(RecoveryRollbackTest, AnAcceptedRollbackIsTheNewStateAlsoWhenTheLostOneComesBack) {
    write({"one"});
    const auto old = copy();
    write({"two", "three", "four"});
    const ReplicaVersion lost = newest_version();
    const auto lost_disk = vault.disk;
    vault.disk = old;
    vault.recovery_settings.known = lost;
    vault.recovery_settings.accept_rollback = true;
    write({"other"});
    EXPECT_THAT(said(vault.recovered), testing::ElementsAre(testing::HasSubstr("older")));
    vault.recovery_settings = {};
    const ReplicaVersion known = newest_version();
    EXPECT_GT(known.commit.generation, lost.commit.generation);
    EXPECT_EQ(verdict_knowing(known), Verdict::clean);
    EXPECT_EQ(verdict_knowing(lost), Verdict::rolled_back) << "another machine has not accepted it";
    merge(*lost_disk);
    EXPECT_EQ(verdict_knowing(known), Verdict::fork);
    EXPECT_EQ(version_of(*vault.recover().record), known);
}

TEST_F(RecoveryRollbackTest, WhatIsKnownOfAnotherBranchIsAForkAndThenGivenUp) {
    write({"one"});
    const auto common = copy();
    std::vector<ReplicaVersion> right;
    for (int i = 0; i < 3; ++i) {
        write({"right"});
        right.push_back(newest_version());
    }
    const auto right_disk_now = vault.disk;
    vault.disk = common;
    for (int i = 0; i < 5; ++i) write({"left"});
    for (const ReplicaVersion& known : right) EXPECT_EQ(verdict_knowing(known), Verdict::rolled_back);
    merge(*right_disk_now);
    for (const ReplicaVersion& known : right) EXPECT_EQ(verdict_knowing(known), Verdict::fork);
    vault.recovery_settings.accept_fork = true;
    vault.recovery_settings.known = right.back();
    write({"left goes on"});
    EXPECT_EQ(vault.recovered.verdict, Verdict::clean);
    vault.recovery_settings = {};
    EXPECT_EQ(current(), "left goes on");
    for (const ReplicaVersion& known : right) EXPECT_EQ(verdict_knowing(known), Verdict::clean);
}

TEST_F(RecoveryRollbackTest, ASessionOnTheWayThatIsGoneIsBridgedByTheVersions) {
    write({"one"});
    const ReplicaVersion known = newest_version();
    write({"two"});
    write({"three"});
    vault.disk->erase(newest(1));
    EXPECT_EQ(verdict_knowing(known), Verdict::clean);
    ReplicaVersion other = known;
    other.replica.bytes[0] = std::byte{9};
    other.commit.session.bytes[0] ^= std::byte{1};
    EXPECT_EQ(verdict_knowing(other), Verdict::rolled_back);
}

TEST_F(RecoveryRollbackTest, AFreshVaultIsNotJudged) {
    write({"one"});
    const ReplicaVersion known = newest_version();
    vault.disk = std::make_shared<store::MemoryDisk>();
    RecoverySettings settings;
    settings.known = known;
    EXPECT_EQ(vault.recover(settings).record, nullptr);
}

}  // namespace
}  // namespace demofs::tree::test
