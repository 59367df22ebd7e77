// What no crash leaves: damage, and what a newer version wrote.
#include <array>
#include <iostream>

#include "demofs/block/block_codec.hpp"
#include "demofs/block/format.hpp"
#include "recovery_fixture.hpp"

namespace demofs::tree::test {
namespace {

TEST_F(RecoveryTest, ADamagedNodeOfASealedCommitIsDamageAndTheCommitIsUsed) {
    write({"one", "two"});
    write({"three"});
    const Recovered before = vault.recover();
    vault.flip_byte(newest(), before.record->root.offset + 50);
    const Recovered found = vault.recover();
    EXPECT_TRUE(is_damaged(found));
    EXPECT_EQ(found.record->generation, before.record->generation);
    EXPECT_THAT(said(found), testing::ElementsAre(testing::HasSubstr("was synced")));
    EXPECT_THROW(current(), Error);
}

TEST_F(RecoveryTest, AParentThatIsDamagedAsWellIsDamage) {
    crash_while_writing("two", "three", lose_all_but_the_record);
    const Recovered before = vault.recover();
    EXPECT_FALSE(is_damaged(before));
    vault.flip_byte(newest(), before.record->root.offset + 50);
    const Recovered found = vault.recover();
    EXPECT_TRUE(is_damaged(found));
    EXPECT_EQ(found.record->generation, before.record->generation);
}

TEST_F(RecoveryTest, ADamagedRecordInASealedSegmentIsDamageAndTheOneBeforeIsUsed) {
    write({"one", "two", "three"});
    const Recovered before = vault.recover();
    const block::BlockAddress record = before.record->address;
    vault.flip_byte(newest(), record.offset + 100);  // the payload; the header is intact
    const Recovered found = vault.recover();
    EXPECT_TRUE(is_damaged(found));
    EXPECT_EQ(found.record->generation, before.record->parent_generation);
    EXPECT_EQ(found.seen_generation, before.record->generation);
    EXPECT_EQ(current(), "two");
}

TEST_F(RecoveryTest, AFlippedBitInTheNewestSegmentsHeaderIsDamageAndNoCrash) {
    write({"one"});
    write({"two", "three", "four"});
    const auto disk = vault.disk;
    for (const std::uint64_t at : {0u, 20u, 111u, 112u, 127u}) {
        vault.disk = std::make_shared<store::MemoryDisk>(disk->snapshot());
        vault.flip_byte(newest(), at);
        EXPECT_EQ(current(), "four") << "the copy at the segment's end is as good";
        EXPECT_FALSE(is_damaged(vault.recovered));
        EXPECT_THAT(said(vault.recovered), testing::ElementsAre(testing::HasSubstr("its copy is used")));
    }
    for (const std::uint64_t at : {0u, 20u, 111u, 112u, 127u}) {
        vault.disk = std::make_shared<store::MemoryDisk>(disk->snapshot());
        vault.cut(newest(), vault.disk->contents(newest()).size() - block::segment_header_bytes);
        vault.flip_byte(newest(), at);
        EXPECT_EQ(current(), "one");
        EXPECT_EQ(vault.recovered.verdict, Verdict::damaged);
        EXPECT_THAT(said(vault.recovered), testing::ElementsAre(testing::HasSubstr("header of segment")));
    }
}

TEST_F(RecoveryTest, WithoutItsFirstPageASegmentIsReadByTheCopyOfItsHeader) {
    write({"one"});
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 200; ++i) co_await put(tree, 100 + i, "text that takes room in leaves");
        co_await tree.commit();
        co_await put(tree, 1, "two");
    });
    Bytes bytes = vault.disk->contents(newest());
    std::fill(bytes.begin(), bytes.begin() + block::segment_header_bytes, std::byte{0});
    vault.disk->put(newest(), bytes);
    EXPECT_EQ(current(), "two");
}

// Whatever byte is changed: an older state is never shown as if nothing had happened.
TEST_F(RecoveryTest, NoChangedByteGivesAnOlderStateInSilence) {
    vault.tree_settings.number_reserve = 16;
    write({"one", "two"});
    write({"three", "four"});
    const auto intact = vault.disk;
    int newest_shown = 0, older_told = 0, refused = 0;
    for (const block::ListedSegment& segment : vault.segments()) {
        for (std::uint64_t at = 0; at < segment.size_bytes; at += 7) {
            vault.disk = std::make_shared<store::MemoryDisk>(intact->snapshot());
            vault.flip_byte(segment.object, at);
            std::string now;
            try {
                now = current();
            } catch (const Error&) {
                ++refused;
                continue;
            }
            ASSERT_TRUE(now == "four" || vault.recovered.verdict == Verdict::damaged)
                << now << ": byte " << at << " of segment " << segment.id.sequence;
            ++(now == "four" ? newest_shown : older_told);
        }
    }
    EXPECT_GT(newest_shown, 0);
    EXPECT_GT(older_told, 0);
    std::cout << newest_shown << " show the newest state, " << older_told << " an older one and say so, "
              << refused << " nothing\n";
}

TEST_F(RecoveryTest, ADamagedTableOfLiveBytesStopsNeitherReadingNorWriting) {
    vault.block_settings.segment_bytes = 64 * 1024;
    vault.tree_settings.node_bytes = 512;
    const auto write_much = [&](std::uint64_t first) {
        vault.session([&](Tree& tree) -> asio::awaitable<void> {
            for (std::uint64_t key = first; key < first + 8000; ++key)
                co_await put(tree, key, std::string(200, 'x'));
        });
    };
    write_much(10'000);
    write_much(20'000);  // folds what the first one left into the table
    write({"a"});
    write({"b"});
    const block::BlockAddress leaf = leaf_of({0, Kind::segment_usage, 40});
    vault.flip_byte(block::object_name(vault.keys, leaf.segment), leaf.offset + 70);

    EXPECT_EQ(current(), "b");
    EXPECT_FALSE(is_damaged(vault.recovered));
    EXPECT_THAT(said(vault.recovered),
                testing::ElementsAre(testing::HasSubstr("table of live bytes is damaged")));
    write_much(30'000);  // enough segments that a commit would fold
    write({"c"});
    EXPECT_EQ(current(), "c");
}

TEST_F(RecoveryTest, SegmentsWithoutAnyCommitAreADamagedVault) {
    crash_while_writing("", "one", store::tear_unsynced_at(100));
    EXPECT_EQ(verdict(), Verdict::damaged);
    EXPECT_THAT(sentence, testing::HasSubstr("no commit"));
}

TEST_F(RecoveryTest, AVaultWhoseFirstCommitIsNotWholeIsDamaged) {
    crash_while_writing("", "one", [](const std::string&, std::uint64_t offset, Bytes& unsynced) {
        ASSERT_EQ(offset, 0u);
        std::fill(unsynced.begin() + 128, unsynced.begin() + 256, std::byte{0});
    });
    EXPECT_EQ(verdict(), Verdict::damaged);
    EXPECT_THAT(sentence, testing::HasSubstr("interrupted"));
}

// Changes a byte of a stored block and seals it as its writer would have: what another version may write.
void rewrite(Vault& vault, const block::BlockAddress& address, crypto::Part part, std::size_t byte,
             unsigned value) {
    const std::string object = block::object_name(vault.keys, address.segment);
    Bytes bytes = vault.disk->contents(object);
    const auto segment = block::open_segment_header(vault.keys, address.segment,
                                                    ByteSpan(bytes).first(block::segment_header_bytes));
    ASSERT_TRUE(segment);
    // What is sealed of a payload is a piece, and this one has only one: its size and index are named, too.
    Bytes aad(part == crypto::Part::header ? 40 : 48);
    std::ranges::copy(segment->vault, aad.begin());
    std::ranges::copy(segment->uid, aad.begin() + 16);
    for (unsigned i = 0; i < 8; ++i)
        aad.at(32 + i) = std::byte(std::uint64_t{address.offset} >> (8 * i) & 0xff);
    if (part == crypto::Part::payload)
        for (unsigned i = 0; i < 4; ++i) aad.at(40 + i) = std::byte(address.payload_bytes >> (8 * i) & 0xff);
    const crypto::Nonce nonce = crypto::nonce_for(address.offset, part);
    const MutableByteSpan stored =
        part == crypto::Part::header
            ? MutableByteSpan(bytes).subspan(address.offset, block::block_header_bytes)
            : MutableByteSpan(bytes).subspan(address.offset + block::block_header_bytes,
                                             address.payload_bytes + crypto::tag_bytes);
    Bytes plain(stored.size() - crypto::tag_bytes);
    ASSERT_TRUE(crypto::open(segment->key, nonce, aad, stored, plain));
    plain.at(byte) = std::byte(value);
    crypto::seal(segment->key, nonce, aad, plain, stored);
    vault.disk->put(object, bytes);
}

TEST_F(RecoveryTest, WhatANewerVersionWroteIsRefusedAndNeverPassedOver) {
    write({"one"});
    write({"two", "three"});
    const block::BlockAddress record = vault.recover().record->address;
    const auto disk = vault.disk;
    const auto refused = [&](crypto::Part part, std::size_t byte, unsigned value) {
        vault.disk = std::make_shared<store::MemoryDisk>(disk->snapshot());
        rewrite(vault, record, part, byte, value);
        EXPECT_EQ(verdict(), Verdict::unsupported) << sentence;
    };
    refused(crypto::Part::header, 1, 1);   // a flag of the block
    refused(crypto::Part::header, 0, 5);   // a kind of block
    refused(crypto::Part::payload, 0, 2);  // a format of the record
    refused(crypto::Part::payload, 3, 1);  // something in it that this version does not write
}

}  // namespace
}  // namespace demofs::tree::test
