#include "demofs/tree/commit_record.hpp"

#include <gtest/gtest.h>

#include "demofs/base/codec.hpp"
#include "demofs/base/error.hpp"

namespace demofs::tree::test {
namespace {

CommitRecord example() {
    CommitRecord record;
    record.generation = Generation{77};
    record.parent_generation = Generation{75};
    record.parent = {{8, 123}, 4096, 400};
    record.session.bytes[3] = std::byte{9};
    record.time_ns = 1'700'000'000'000'000'000;
    record.root = {{9, 456}, 12288, 8000};
    record.root_birth = Generation{76};
    record.root_level = 2;
    record.counters = {1000, 17, 12345678};
    record.number_limit = 2000;
    record.log.ranges = {{{8, 123}, 8192, 100'000}, {{9, 456}, 128, 20'000}};
    record.log.tags_hash[5] = std::byte{5};
    record.usage = {{{8, 123}, -300}, {{9, 456}, 20'000}};
    ReplicaId other;
    other.bytes[0] = std::byte{1};
    note_version(record.versions, other, {SessionId{}, Generation{75}});
    note_version(record.versions, ReplicaId{}, record.id());
    record.given_up = {{{{7, 5}, 4096, 300}, Generation{74}}};
    record.left_open = {{{7, 5}, 8192}, {{3, 1}, 4096}};
    return record;
}

void expect_same(const CommitRecord& a, const CommitRecord& b) {
    EXPECT_EQ(a.generation, b.generation);
    EXPECT_EQ(a.parent_generation, b.parent_generation);
    EXPECT_EQ(a.parent, b.parent);
    EXPECT_EQ(a.session, b.session);
    EXPECT_EQ(a.time_ns, b.time_ns);
    EXPECT_EQ(a.root, b.root);
    EXPECT_EQ(a.root_birth, b.root_birth);
    EXPECT_EQ(a.root_level, b.root_level);
    EXPECT_EQ(a.counters.next_number, b.counters.next_number);
    EXPECT_EQ(a.counters.inodes, b.counters.inodes);
    EXPECT_EQ(a.counters.data_bytes, b.counters.data_bytes);
    EXPECT_EQ(a.number_limit, b.number_limit);
    EXPECT_EQ(a.log.ranges, b.log.ranges);
    EXPECT_EQ(a.log.tags_hash, b.log.tags_hash);
    EXPECT_EQ(a.usage, b.usage);
    EXPECT_EQ(a.versions, b.versions);
    EXPECT_EQ(a.given_up, b.given_up);
    EXPECT_EQ(a.left_open, b.left_open);
}

Bytes with_section(std::uint16_t type) {
    const SharedBytes payload = encode_commit_record(example());
    Bytes bytes(payload.span().begin(), payload.span().end());
    Encoder out(bytes);
    out.u16(type);
    out.u32(3);
    out.zeros(3);
    return bytes;
}

TEST(CommitRecord, ComesBackAsItWas) {
    const CommitRecord record = example();
    expect_same(decode_commit_record(encode_commit_record(record)), record);
}

TEST(CommitRecordDeathTest, OneThatRecoveryWouldMisreadIsNotWritten) {
    CommitRecord record = example();
    record.parent_generation = record.generation;
    EXPECT_DEATH((void)encode_commit_record(record), "Generations grow");
    record = example();
    record.root = {};
    EXPECT_DEATH((void)encode_commit_record(record), "A commit has a root");
    for (const std::uint64_t birth : {0, 78}) {
        record = example();
        record.root_birth = Generation{birth};
        EXPECT_DEATH((void)encode_commit_record(record), "A root is not younger than its commit");
    }
    record = example();
    record.log.ranges.front().end = record.log.ranges.front().begin;
    EXPECT_DEATH((void)encode_commit_record(record), "A range of the log is a piece of a segment");
}

TEST(CommitRecord, AVaultsFirstOneHasNoParent) {
    CommitRecord record = example();
    record.parent = {};
    record.parent_generation = Generation{0};
    expect_same(decode_commit_record(encode_commit_record(record)), record);
}

TEST(CommitRecord, UnknownSectionsAreSkippedUnlessTheyAreCritical) {
    expect_same(decode_commit_record(with_section(100)), example());
    try {
        decode_commit_record(with_section(critical_section | 100));
        FAIL() << "a critical section was ignored";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), make_error_code(Errc::unsupported_format));
    }
}

TEST(CommitRecord, SectionsMayNotBeRepeatedOrOutOfOrder) {
    EXPECT_THROW(decode_commit_record(with_section(3)), Error);
    EXPECT_THROW(decode_commit_record(with_section(1)), Error);
    EXPECT_THROW(decode_commit_record(with_section(0)), Error);
}

TEST(CommitRecord, OneWithoutItsRangesIsRefused) {
    constexpr std::size_t fixed_bytes = 136;
    const SharedBytes good = encode_commit_record(example());
    Bytes bad(good.span().begin(), good.span().begin() + fixed_bytes);
    EXPECT_THROW(decode_commit_record(bad), Error);
    for (const int byte : {3, 0, 0, 0, 0, 0}) bad.push_back(std::byte(byte));  // an empty section of versions
    EXPECT_THROW(decode_commit_record(bad), Error);
}

TEST(CommitRecord, EveryChangedByteIsRefusedOrGivesASoundRecord) {
    const SharedBytes good = encode_commit_record(example());
    Bytes bad(good.span().begin(), good.span().end());
    for (std::size_t i = 0; i < bad.size(); ++i) {
        for (int value = 0; value < 256; ++value) {
            bad[i] = std::byte(value);
            try {
                const CommitRecord record = decode_commit_record(bad);
                ASSERT_GT(record.generation, record.parent_generation);
                ASSERT_TRUE(record.root);
                ASSERT_GE(raw(record.root_birth), 1u);
                ASSERT_LE(record.root_birth, record.generation);
                ASSERT_LE(record.counters.next_number, record.number_limit);
            } catch (const Error& error) {
                ASSERT_TRUE(error.code() == make_error_code(Errc::corrupt) ||
                            error.code() == make_error_code(Errc::unsupported_format));
            }
        }
        bad[i] = good.span()[i];
    }
}

TEST(CommitRecord, EveryTruncationIsRefusedOrLosesWholeSections) {
    const SharedBytes good = encode_commit_record(example());
    int accepted = 0;
    for (std::size_t size = 0; size < good.size(); ++size) {
        try {
            static_cast<void>(decode_commit_record(good.span().first(size)));
            ++accepted;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), make_error_code(Errc::corrupt));
        }
    }
    EXPECT_LE(accepted, 4);
}

TEST(CommitRecord, ManyRangesAndDeltasFit) {
    CommitRecord record = example();
    record.usage.clear();
    record.log.ranges.clear();
    for (std::uint64_t i = 1; i <= 16 * 1024; ++i) {
        record.usage.push_back({{i, i}, 1});
        record.log.ranges.push_back({{i, i}, 128, 4096});
    }
    expect_same(decode_commit_record(encode_commit_record(record)), record);
    for (std::uint64_t i = 0; i < 8 * 1024; ++i) {
        record.usage.push_back({{100'000 + i, i}, 1});
        record.log.ranges.push_back({{100'000 + i, i}, 128, 4096});
    }
    EXPECT_THROW(encode_commit_record(record), Error);
}

TEST(CommitRecord, MoreVersionsThanAWriterKeepsAreRead) {
    CommitRecord record = example();
    record.versions.clear();
    for (unsigned i = 0; i < 3 * max_versions; ++i) {
        ReplicaVersion version;
        version.replica.bytes[0] = std::byte(i);
        version.commit.session.bytes[0] = std::byte(i + 1);
        version.commit.generation = Generation{i};
        record.versions.push_back(version);
    }
    expect_same(decode_commit_record(encode_commit_record(record)), record);
}

TEST(CommitRecord, TheVersionVectorHasOneEntryForEachCopyOfTheVaultAndKeepsTheNewest) {
    std::vector<ReplicaVersion> versions;
    ReplicaId replica;
    SessionId session;
    for (std::uint8_t i = 0; i < 100; ++i) {
        replica.bytes[0] = std::byte{i};
        note_version(versions, replica, {session, Generation{i + 1u}});
    }
    EXPECT_EQ(versions.size(), max_versions);
    EXPECT_EQ(versions.front().commit.generation, Generation{37});
    replica.bytes[0] = std::byte{50};
    session.bytes[0] = std::byte{1};  // another mount of it
    note_version(versions, replica, {session, Generation{200}});
    EXPECT_EQ(versions.size(), max_versions);
    EXPECT_EQ(versions.back().replica, replica);
    EXPECT_EQ(versions.back().commit, (CommitId{session, Generation{200}}));
}

TEST(SegmentUsage, ComesBackAsItWas) {
    const SegmentLive usage{{12, 34}, -56};
    const Key key{0, Kind::segment_usage, 12};
    EXPECT_EQ(decode_segment_usage(key, encode_segment_usage(34, -56)), usage);
    EXPECT_THROW(decode_segment_usage(key, Bytes(15)), Error);
    EXPECT_THROW(decode_segment_usage(key, Bytes(17)), Error);
}

}  // namespace
}  // namespace demofs::tree::test
