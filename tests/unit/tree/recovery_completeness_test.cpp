// Missing segments: an incomplete folder, or dead ones that somebody has removed.
#include "recovery_fixture.hpp"

namespace demofs::tree::test {
namespace {

TEST_F(RecoveryTest, AMissingSegmentOfTheNewestCommitIsAnIncompleteFolder) {
    vault.block_settings.segment_bytes = 64 * 1024;
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 3000; ++i) co_await put(tree, i, std::string(60, 'x'));
    });
    ASSERT_GT(vault.segments().size(), 3u);
    const block::ListedSegment missing = vault.segments()[2];
    vault.disk->erase(missing.object);
    try {
        current();
        ADD_FAILURE() << "it was not missed";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), make_error_code(Errc::vault_incomplete));
        EXPECT_THAT(error.what(), testing::HasSubstr("segment"));
    }
}

TEST_F(RecoveryTest, AMissingSegmentOfACommitThatMayNotHaveBeenSyncedIsAnIncompleteFolder) {
    vault.block_settings.segment_bytes = 64 * 1024;
    write({"one"});
    crash_with_a_large_tail(store::keep_unsynced());
    const std::vector<block::ListedSegment> segments = vault.segments();
    ASSERT_GT(segments.size(), 4u);
    vault.disk->erase(segments[1].object);
    EXPECT_EQ(verdict(), Verdict::incomplete);
    EXPECT_THAT(sentence, testing::HasSubstr("segment " + std::to_string(segments[1].id.sequence)));
}

// What a cleaner will do: data that was written and overwritten between two commits is dead when the second one
// is made, though its ranges name it.
TEST_F(RecoveryTest, ASegmentThatWasDeadWhenTheNewestCommitWasMadeMayBeRemoved) {
    vault.block_settings.segment_bytes = 64 * 1024;
    write({"one"});
    block::SegmentId dead;
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        for (int i = 0; i < 12; ++i) {
            block::BlockHeader header;
            header.owner = 9;
            const Bytes data(30'000, std::byte{1});
            const block::BlockAddress address =
                tree.blocks().append(header, SharedBytes::copy_of(data), block::Placement::packed);
            if (i == 5) dead = address.segment;
        }
        co_await put(tree, 1, "two");
        co_await tree.commit();
    });
    EXPECT_FALSE(is_live(dead));
    vault.disk->erase(block::object_name(vault.keys, dead));
    EXPECT_EQ(current(), "two");
    EXPECT_FALSE(is_damaged(vault.recovered));
}

TEST_F(RecoveryTest, ADeadSegmentThatOnlyAGivenUpTailNamesMayBeRemoved) {
    vault.block_settings.segment_bytes = 64 * 1024;
    write({"one"});
    // The record's page is there, what precedes it in its segment is not.
    crash_with_a_large_tail([](const std::string&, std::uint64_t offset, Bytes& unsynced) {
        if (unsynced.size() < 8192) return;
        const std::uint64_t record = (offset + unsynced.size() - 1) / 4096 * 4096;
        const auto end = static_cast<std::ptrdiff_t>(record - offset);
        std::fill(unsynced.begin() + end - 4096, unsynced.begin() + end, std::byte{0});
    });
    write({"three"});
    EXPECT_THAT(said(vault.recovered), testing::ElementsAre(testing::HasSubstr("cut off by a crash")));
    const std::vector<block::ListedSegment> segments = vault.segments();
    std::size_t removed = 0;
    for (const block::ListedSegment& segment : segments) {
        const bool of_the_tail =
            segment.id.sequence > 3 && segment.id.sequence + 2 < segments.front().id.sequence;
        if (!of_the_tail || is_live(segment.id)) continue;
        vault.disk->erase(segment.object);
        ++removed;
    }
    EXPECT_GT(removed, 0u);
    EXPECT_EQ(current(), "three");
    write({"four"});
    write({"five"});
    EXPECT_EQ(current(), "five") << "later commits remember it, too";
}

TEST_F(RecoveryTest, AMissingOlderSegmentWithLiveDataIsAnIncompleteFolder) {
    vault.block_settings.segment_bytes = 64 * 1024;
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 3000; ++i) co_await put(tree, i, std::string(60, 'x'));
    });
    write({"a"});
    EXPECT_EQ(current(), "a");
    const std::vector<block::ListedSegment> segments = vault.segments();
    for (std::size_t missing = 1; missing < segments.size() - 1; ++missing) {
        const auto disk = vault.disk;
        vault.disk = std::make_shared<store::MemoryDisk>(disk->snapshot());
        vault.disk->erase(segments[missing].object);
        try {
            current();
            ADD_FAILURE() << "segment " << segments[missing].id.sequence << " was not missed";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), make_error_code(Errc::vault_incomplete));
        }
        vault.disk = disk;
    }
}

}  // namespace
}  // namespace demofs::tree::test
