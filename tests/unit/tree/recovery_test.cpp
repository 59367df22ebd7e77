#include "demofs/tree/recovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iostream>

#include "contents.hpp"
#include "demofs/base/codec.hpp"
#include "demofs/base/error.hpp"
#include "demofs/block/block_codec.hpp"
#include "demofs/block/format.hpp"
#include "demofs/tree/node_codec.hpp"
#include "vault.hpp"

namespace demofs::tree::test {
namespace {

// Of what a commit appended, only the pages of the record survive: its nodes are zeros.
void lose_all_but_the_record(const std::string&, std::uint64_t offset, Bytes& unsynced) {
    const std::uint64_t record = (offset + unsynced.size() - 1) / 4096 * 4096;
    std::fill(unsynced.begin(), unsynced.begin() + static_cast<std::ptrdiff_t>(record - offset),
              std::byte{0});
}

class RecoveryTest : public testing::Test {
  protected:
    // One session that ends properly, with a commit after each text; entry 1 holds the last one.
    void write(std::initializer_list<std::string> texts) {
        vault.session([&](Tree& tree) -> asio::awaitable<void> {
            for (const std::string& text : texts) {
                co_await put(tree, 1, text);
                co_await tree.commit();
            }
        });
    }

    // A session whose last change, `text`, is being committed when power fails: `policy` decides about what
    // was not synced. `before` is committed first, in the same session.
    void crash_while_writing(const std::string& before, const std::string& text,
                             const store::CrashPolicy& policy) {
        store::MemoryDisk at_crash;
        vault.session([&](Tree& tree) -> asio::awaitable<void> {
            if (!before.empty()) {
                co_await put(tree, 1, before);
                co_await tree.commit();
            }
            co_await put(tree, 1, text);
            // Just before the sync of the commit, its bytes being appended.
            vault.disk->on_operation([&](const store::StoreOperation& operation) {
                if (operation.kind == store::OperationKind::append) at_crash = vault.disk->snapshot();
            });
            co_await tree.commit();
            vault.disk->on_operation({});
        });
        vault.crash(at_crash, policy);
    }

    // As crash_while_writing, with a commit over several segments.
    void crash_with_a_large_tail(const store::CrashPolicy& policy) {
        store::MemoryDisk at_crash;
        vault.session([&](Tree& tree) -> asio::awaitable<void> {
            co_await put(tree, 1, "two");
            co_await tree.commit();
            for (std::uint64_t i = 0; i < 3000; ++i) co_await put(tree, 100 + i, std::string(60, 'x'));
            vault.disk->on_operation([&](const store::StoreOperation& operation) {
                if (operation.kind == store::OperationKind::append) at_crash = vault.disk->snapshot();
            });
            co_await tree.commit();
            vault.disk->on_operation({});
        });
        vault.crash(at_crash, policy);
    }

    bool is_live(block::SegmentId segment) {
        std::vector<SegmentLive> usage;
        vault.session([&](Tree& tree) -> asio::awaitable<void> {
            const auto read = [&tree] { return tree.segment_usage(); };
            usage = co_await tree.retry(read);
        });
        return std::ranges::any_of(
            usage, [&](const SegmentLive& entry) { return entry.segment == segment && entry.bytes != 0; });
    }

    std::string current() {
        std::string text;
        vault.session([&](Tree& tree) -> asio::awaitable<void> { text = co_await get(tree, 1); });
        return text;
    }

    std::error_code failure(RecoverySettings settings = {}) {
        try {
            vault.recover(settings);
        } catch (const Error& error) {
            sentence = error.what();
            return error.code();
        }
        return {};
    }

    // Where the newest commit's leaf with `key` is stored.
    block::BlockAddress leaf_of(const Key& key) {
        block::BlockAddress at = vault.recover().record->root;
        const auto descend = [&](block::LogReader& log) -> asio::awaitable<void> {
            for (;;) {
                const SharedBytes payload = co_await log.read(at, block::BlockKind::node);
                NodeTally tally;
                const NodePtr node = decode_node(payload, tally);
                if (node->is_leaf()) co_return;
                at = node->inner[node->child_index(key)].address;
            }
        };
        vault.read(descend);
        return at;
    }

    // The newest segment's object.
    std::string newest(std::size_t index = 0) { return vault.segments().at(index).object; }

    Vault vault;
    std::string sentence;
};

TEST_F(RecoveryTest, AnEmptyStoreIsAFreshVault) {
    const Recovered found = vault.recover();
    EXPECT_EQ(found.record, nullptr);
    EXPECT_EQ(found.next_sequence, 1u);
    EXPECT_EQ(found.seen_generation, Generation{0});
    EXPECT_FALSE(found.damaged);
    EXPECT_THAT(found.notes, testing::IsEmpty());
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
    EXPECT_FALSE(found.damaged || found.fork);
    EXPECT_THAT(found.notes, testing::IsEmpty());
    EXPECT_EQ(current(), "three");
}

TEST_F(RecoveryTest, ACommitThatReachedTheDiskWholeIsUsedThoughNobodyWasTold) {
    write({"one"});
    crash_while_writing("two", "three", store::keep_unsynced());
    EXPECT_EQ(current(), "three");
    EXPECT_THAT(vault.recovered.notes, testing::IsEmpty());
}

TEST_F(RecoveryTest, ACutOffCommitGivesItsParent) {
    for (const std::uint64_t kept : {0u, 100u, 4096u, 4200u}) {
        vault.disk = std::make_shared<store::MemoryDisk>();
        write({"one"});
        crash_while_writing("two", "three", store::tear_unsynced_at(kept));
        EXPECT_EQ(current(), "two") << kept;
        EXPECT_FALSE(vault.recovered.damaged);
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
    EXPECT_FALSE(vault.recovered.damaged) << testing::PrintToString(vault.recovered.notes);
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
    EXPECT_FALSE(vault.recovered.damaged);
}

TEST_F(RecoveryTest, ASessionsFirstCommitCutOffGivesTheSessionBefore) {
    write({"one"});
    crash_while_writing("", "two", store::tear_unsynced_at(1000));
    EXPECT_EQ(current(), "one");
    EXPECT_FALSE(vault.recovered.damaged);
    EXPECT_GE(vault.recovered.seen_generation, Generation{1});
    write({"three"});
    EXPECT_EQ(current(), "three") << "the tail that was given up is no fork";
    EXPECT_THAT(vault.recovered.notes, testing::IsEmpty());
}

TEST_F(RecoveryTest, ARecordWhoseNodesAreLostIsACrashTailAndSaidSo) {
    write({"one"});
    crash_while_writing("two", "three", lose_all_but_the_record);
    const Recovered found = vault.recover();
    EXPECT_EQ(found.record->generation, Generation{2});
    EXPECT_EQ(found.seen_generation, Generation{3}) << "the attempt's number is used up";
    EXPECT_FALSE(found.damaged);
    ASSERT_EQ(found.notes.size(), 1u);
    EXPECT_THAT(found.notes[0], testing::HasSubstr("cut off by a crash"));
    EXPECT_EQ(current(), "two");
    write({"four"});
    EXPECT_EQ(current(), "four");
    EXPECT_THAT(vault.recovered.notes, testing::IsEmpty()) << "old news";
}

TEST_F(RecoveryTest, ADamagedNodeOfASealedCommitIsDamageAndTheCommitIsUsed) {
    write({"one", "two"});
    write({"three"});
    const Recovered before = vault.recover();
    vault.flip_byte(newest(), before.record->root.offset + 50);
    const Recovered found = vault.recover();
    EXPECT_TRUE(found.damaged);
    EXPECT_EQ(found.record->generation, before.record->generation);
    ASSERT_EQ(found.notes.size(), 1u);
    EXPECT_THAT(found.notes[0], testing::HasSubstr("was synced"));
    EXPECT_THROW(current(), Error);
}

TEST_F(RecoveryTest, AParentThatIsDamagedAsWellIsDamage) {
    crash_while_writing("two", "three", lose_all_but_the_record);
    const Recovered before = vault.recover();
    EXPECT_FALSE(before.damaged);
    vault.flip_byte(newest(), before.record->root.offset + 50);
    const Recovered found = vault.recover();
    EXPECT_TRUE(found.damaged);
    EXPECT_EQ(found.record->generation, before.record->generation);
}

TEST_F(RecoveryTest, ADamagedRecordInASealedSegmentIsDamageAndTheOneBeforeIsUsed) {
    write({"one", "two", "three"});
    const Recovered before = vault.recover();
    const block::BlockAddress record = before.record->address;
    vault.flip_byte(newest(), record.offset + 100);  // the payload; the header is intact
    const Recovered found = vault.recover();
    EXPECT_TRUE(found.damaged);
    EXPECT_EQ(found.record->generation, before.record->parent_generation);
    EXPECT_EQ(found.seen_generation, before.record->generation);
    EXPECT_EQ(current(), "two");
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

TEST_F(RecoveryTest, AFlippedBitInTheNewestSegmentsHeaderIsDamageAndNoCrash) {
    write({"one"});
    write({"two", "three", "four"});
    const auto disk = vault.disk;
    for (const std::uint64_t at : {0u, 20u, 111u, 112u, 127u}) {
        vault.disk = std::make_shared<store::MemoryDisk>(disk->snapshot());
        vault.flip_byte(newest(), at);
        EXPECT_EQ(current(), "four") << "the copy at the segment's end is as good";
        EXPECT_FALSE(vault.recovered.damaged);
        ASSERT_EQ(vault.recovered.notes.size(), 1u);
        EXPECT_THAT(vault.recovered.notes[0], testing::HasSubstr("its copy is used"));
    }
    for (const std::uint64_t at : {0u, 20u, 111u, 112u, 127u}) {
        vault.disk = std::make_shared<store::MemoryDisk>(disk->snapshot());
        vault.cut(newest(), vault.disk->contents(newest()).size() - block::segment_header_bytes);
        vault.flip_byte(newest(), at);
        EXPECT_EQ(current(), "one");
        EXPECT_TRUE(vault.recovered.damaged && vault.recovered.older);
        ASSERT_EQ(vault.recovered.notes.size(), 1u);
        EXPECT_THAT(vault.recovered.notes[0], testing::HasSubstr("header of segment"));
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

TEST_F(RecoveryTest, AHeaderThatNeverReachedTheDiskIsACrash) {
    write({"one"});
    const auto before = vault.disk;
    for (const store::CrashPolicy& policy :
         {store::lose_unsynced(), store::tear_unsynced_at(100), store::zero_unsynced(8192)}) {
        vault.disk = std::make_shared<store::MemoryDisk>(before->snapshot());
        crash_while_writing("", "two", policy);
        EXPECT_EQ(current(), "one");
        EXPECT_FALSE(vault.recovered.damaged);
    }
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
            ASSERT_TRUE(now == "four" || vault.recovered.older)
                << now << ": byte " << at << " of segment " << segment.id.sequence;
            ++(now == "four" ? newest_shown : older_told);
        }
    }
    EXPECT_GT(newest_shown, 0);
    EXPECT_GT(older_told, 0);
    std::cout << newest_shown << " show the newest state, " << older_told << " an older one and say so, "
              << refused << " nothing\n";
}

TEST_F(RecoveryTest, WhatANewerVersionWroteIsRefusedAndNeverPassedOver) {
    write({"one"});
    write({"two", "three"});
    const block::BlockAddress record = vault.recover().record->address;
    const auto disk = vault.disk;
    const auto refused = [&](crypto::Part part, std::size_t byte, unsigned value) {
        vault.disk = std::make_shared<store::MemoryDisk>(disk->snapshot());
        rewrite(vault, record, part, byte, value);
        EXPECT_EQ(failure(), make_error_code(Errc::unsupported_format)) << sentence;
    };
    refused(crypto::Part::header, 1, 1);   // a flag of the block
    refused(crypto::Part::header, 0, 5);   // a kind of block
    refused(crypto::Part::payload, 0, 2);  // a format of the record
    refused(crypto::Part::payload, 3, 1);  // something in it that this version does not write
}

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
    EXPECT_EQ(failure(), make_error_code(Errc::vault_incomplete));
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
    EXPECT_FALSE(vault.recovered.damaged);
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
    ASSERT_EQ(vault.recovered.notes.size(), 1u);
    EXPECT_THAT(vault.recovered.notes[0], testing::HasSubstr("cut off by a crash"));
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
    EXPECT_FALSE(vault.recovered.damaged);
    ASSERT_EQ(vault.recovered.notes.size(), 1u);
    EXPECT_THAT(vault.recovered.notes[0], testing::HasSubstr("table of live bytes is damaged"));
    write_much(30'000);  // enough segments that a commit would fold
    write({"c"});
    EXPECT_EQ(current(), "c");
}

TEST_F(RecoveryTest, SegmentsWithoutAnyCommitAreADamagedVault) {
    crash_while_writing("", "one", store::tear_unsynced_at(100));
    EXPECT_EQ(failure(), make_error_code(Errc::vault_damaged));
    EXPECT_THAT(sentence, testing::HasSubstr("no commit"));
}

TEST_F(RecoveryTest, AVaultWhoseFirstCommitIsNotWholeIsDamaged) {
    crash_while_writing("", "one", [](const std::string&, std::uint64_t offset, Bytes& unsynced) {
        ASSERT_EQ(offset, 0u);
        std::fill(unsynced.begin() + 128, unsynced.begin() + 256, std::byte{0});
    });
    EXPECT_EQ(failure(), make_error_code(Errc::vault_damaged));
    EXPECT_THAT(sentence, testing::HasSubstr("interrupted"));
}

class ForkTest : public RecoveryTest {
  protected:
    void merge(const store::MemoryDisk& other) {
        for (const std::string& name : other.names()) {
            if (!vault.disk->contains(name) ||
                other.contents(name).size() > vault.disk->contents(name).size())
                vault.disk->put(name, other.contents(name));
        }
    }

    // Two machines mount the same state, so many times each; the folders are then merged.
    void fork(int left_sessions = 1, int right_sessions = 1) {
        vault.disk = std::make_shared<store::MemoryDisk>();
        write({"one"});
        const auto common = std::make_shared<store::MemoryDisk>(vault.disk->snapshot());
        for (int i = 0; i < left_sessions; ++i) write({"left", "left 2"});
        const auto left = vault.disk;
        vault.disk = common;
        for (int i = 0; i < right_sessions; ++i) write({"right"});
        right_disk = std::make_shared<store::MemoryDisk>(vault.disk->snapshot());
        merge(*left);
    }

    std::shared_ptr<store::MemoryDisk> right_disk;
};

TEST_F(ForkTest, TwoHistoriesAreRefused) {
    fork();
    EXPECT_EQ(failure(), make_error_code(Errc::forked));
    EXPECT_THAT(sentence, testing::HasSubstr("two histories"));
}

TEST_F(ForkTest, WhoOnlyReadsSeesTheLongerHistoryAndIsTold) {
    fork();
    RecoverySettings settings;
    settings.on_fork = OnFork::show;
    for (int i = 0; i < 2; ++i) {
        const Recovered found = vault.recover(settings);
        EXPECT_TRUE(found.fork);
        EXPECT_EQ(found.notes.size(), 1u);
        EXPECT_EQ(found.record->generation, Generation{3});
        EXPECT_THAT(found.record->given_up, testing::IsEmpty());
    }
}

TEST_F(ForkTest, AnAcceptedForkIsOverWithTheNextCommit) {
    fork();
    vault.recovery_settings.on_fork = OnFork::accept;
    EXPECT_EQ(current(), "left 2");
    EXPECT_TRUE(vault.recovered.fork);
    write({"goes on"});
    vault.recovery_settings.on_fork = OnFork::refuse;
    EXPECT_EQ(current(), "goes on");
    EXPECT_FALSE(vault.recovered.fork);
    EXPECT_THAT(vault.recovered.notes, testing::IsEmpty());
    write({"further"});
    EXPECT_EQ(current(), "further");
}

TEST_F(ForkTest, ABranchThatWasGivenUpAndGoesOnIsAForkAgain) {
    fork();
    const auto right = std::make_shared<store::MemoryDisk>(right_disk->snapshot());
    vault.recovery_settings.on_fork = OnFork::accept;
    write({"goes on"});
    vault.recovery_settings.on_fork = OnFork::refuse;
    const auto accepted = vault.disk;
    vault.disk = right;
    write({"right 2", "right 3"});
    vault.disk = accepted;
    merge(*right);
    EXPECT_EQ(failure(), make_error_code(Errc::forked));
}

// However many sessions each side has, and whichever of their segments sorts first.
TEST_F(ForkTest, EveryForkIsNoticed) {
    for (int left = 1; left <= 4; ++left) {
        for (int right = 1; right <= 4; ++right) {
            for (int run = 0; run < 4; ++run) {
                fork(left, right);
                EXPECT_EQ(failure(), make_error_code(Errc::forked)) << left << " and " << right;
            }
        }
    }
}

TEST_F(ForkTest, ASegmentThatGoesOnBehindItsSuccessorsBaseIsAFork) {
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
    EXPECT_EQ(failure(), make_error_code(Errc::forked));
}

TEST_F(ForkTest, ManySessionsAndMachinesAreNoFork) {
    for (int i = 0; i < 150; ++i) {
        vault.tree_settings.replica.bytes[0] = std::byte(i);
        write({"text " + std::to_string(i)});
    }
    EXPECT_EQ(current(), "text 149");
    // Nor are a crash's leftovers, however old.
    crash_while_writing("kept", "lost", store::tear_unsynced_at(4096));
    for (int i = 0; i < 80; ++i) write({"again " + std::to_string(i)});
    EXPECT_EQ(current(), "again 79");
    EXPECT_THAT(vault.recovered.notes, testing::IsEmpty());
}

TEST_F(ForkTest, AnotherMachinesOlderBranchIsFoundBelowManySegments) {
    write({"one"});
    const auto common = std::make_shared<store::MemoryDisk>(vault.disk->snapshot());
    write({"right"});
    const auto right = vault.disk;
    vault.disk = common;
    vault.block_settings.segment_bytes = 64 * 1024;
    vault.session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 5000; ++i) co_await put(tree, i, std::string(60, 'x'));
    });
    EXPECT_EQ(failure(), std::error_code());
    for (const std::string& name : right->names()) {
        if (!vault.disk->contains(name)) vault.disk->put(name, right->contents(name));
    }
    EXPECT_EQ(failure(), make_error_code(Errc::forked));
}

TEST_F(RecoveryTest, WithAStoreWhoseSyncsEndObjectsItIsTheSame) {
    vault.options.sync_ends_object = true;
    write({"one", "two"});
    crash_while_writing("three", "four", store::tear_unsynced_at(1000));
    EXPECT_EQ(current(), "three");
    EXPECT_FALSE(vault.recovered.damaged);
    write({"five", "six"});
    EXPECT_EQ(current(), "six");
}

}  // namespace
}  // namespace demofs::tree::test
