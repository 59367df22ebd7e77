// The values of the fs layer: the same bytes for ever, and nothing else is accepted.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "demofs/base/error.hpp"
#include "demofs/fs/records/dirent_record.hpp"
#include "demofs/fs/records/extent_record.hpp"
#include "demofs/fs/records/inode_record.hpp"
#include "demofs/fs/records/orphan_record.hpp"

namespace demofs::fs {
namespace {

std::string hex(ByteSpan bytes) {
    std::string text;
    for (const std::byte b : bytes) {
        text += "0123456789abcdef"[static_cast<unsigned>(b) >> 4];
        text += "0123456789abcdef"[static_cast<unsigned>(b) & 15];
    }
    return text;
}

InodeRecord some_inode() {
    InodeRecord record;
    record.mode = S_IFREG | 0644;
    record.uid = 1000;
    record.gid = 100;
    record.links = 2;
    record.device = 0x103;
    record.has_inline_data = true;
    record.size_bytes = 77;
    record.allocated_bytes = 70;
    record.data_id = DataId{5};
    record.parent = InodeNumber{6};
    record.children = 7;
    record.accessed = {1, 2};
    record.modified = {-1, 4};
    record.changed = {5, 999'999'999};
    record.created = {7, 8};
    return record;
}

template <class Decode>
void expect_only_whole_values(const Bytes& value, Decode decode) {
    for (std::size_t size = 0; size < value.size(); ++size)
        EXPECT_THROW(decode(ByteSpan(value).first(size)), Error) << size;
    Bytes longer = value;
    longer.push_back(std::byte{0});
    EXPECT_THROW(decode(longer), Error);
    Bytes newer = value;
    newer[0] = std::byte{2};
    try {
        decode(newer);
        ADD_FAILURE() << "a newer version was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unsupported_format);
    }
}

TEST(InodeRecord, HasAFixedFormat) {
    const Bytes value = encode(some_inode());
    EXPECT_EQ(hex(value),
              "01010000a4810000e803000064000000020000000301000"
              "0"
              "4d00000000000000"
              "4600000000000000"
              "0500000000000000"
              "0600000000000000"
              "0700000000000000"
              "010000000000000002000000"
              "ffffffffffffffff04000000"
              "0500000000000000ffc99a3b"
              "070000000000000008000000");
    EXPECT_EQ(decode_inode_record(value), some_inode());
    expect_only_whole_values(value, [](ByteSpan bytes) { (void)decode_inode_record(bytes); });
}

TEST(InodeRecord, RefusesImpossibleValues) {
    Bytes flags = encode(some_inode());
    flags[1] = std::byte{0x80};
    EXPECT_THROW((void)decode_inode_record(flags), Error);
    InodeRecord late = some_inode();
    late.accessed.nanoseconds = 1'000'000'000;
    EXPECT_THROW((void)decode_inode_record(encode(late)), Error);
}

TEST(DirentRecord, HasAFixedFormat) {
    const DirentRecord record{InodeNumber{0x0102}, S_IFDIR, "name"};
    const Bytes value = encode(record);
    EXPECT_EQ(hex(value),
              "0104"
              "0201000000000000"
              "04000000"
              "6e616d65");
    EXPECT_EQ(decode_dirent_record(value), record);
    expect_only_whole_values(value, [](ByteSpan bytes) { (void)decode_dirent_record(bytes); });
    EXPECT_THROW((void)decode_dirent_record(encode(DirentRecord{InodeNumber{1}, S_IFREG, ""})), Error);
    EXPECT_THROW(
        (void)decode_dirent_record(encode(DirentRecord{InodeNumber{1}, S_IFREG, std::string(256, 'x')})),
        Error);
}

ExtentRecord some_extent() {
    ExtentRecord record;
    record.segment = {3, 4};
    record.first_block = 4096;
    record.block_bytes = 1000;
    record.run_bytes = 2500;
    record.skip_bytes = 100;
    record.length_bytes = 2400;
    record.birth = Generation{9};
    return record;
}

TEST(ExtentRecord, HasAFixedFormat) {
    const Bytes value = encode(some_extent());
    EXPECT_EQ(hex(value),
              "01"
              "0300000000000000"
              "0400000000000000"
              "00100000"
              "e8030000"
              "c409000000000000"
              "6400000000000000"
              "6009000000000000"
              "0900000000000000");
    EXPECT_EQ(decode_extent_record(value), some_extent());
    expect_only_whole_values(value, [](ByteSpan bytes) { (void)decode_extent_record(bytes); });
}

TEST(ExtentRecord, FindsTheBlockOfAByte) {
    const ExtentRecord record = some_extent();
    const auto first = record.locate(0);
    EXPECT_EQ(first.block.offset, 4096u);
    EXPECT_EQ(first.block.payload_bytes, 1000u);
    const auto last = record.locate(2499);
    EXPECT_EQ(last.block.offset, 4096u + 2 * block::stored_block_bytes(1000));
    EXPECT_EQ(last.block.payload_bytes, 500u);
    EXPECT_EQ(last.offset, 499u);
}

TEST(ExtentRecord, OnlyFullAdjoiningBlocksMakeItLonger) {
    ExtentRecord record = some_extent();
    record.run_bytes = 2000;
    record.length_bytes = 1900;
    block::BlockAddress next;
    next.segment = record.segment;
    next.offset = 4096 + 2 * block::stored_block_bytes(1000);
    next.payload_bytes = 300;
    EXPECT_TRUE(record.continues_with(next));
    next.payload_bytes = 1001;
    EXPECT_FALSE(record.continues_with(next)) << "larger than the run's blocks";
    next.payload_bytes = 1000;
    next.offset += 1;
    EXPECT_FALSE(record.continues_with(next)) << "not behind it";
    next.offset -= 1;
    next.segment.salt = 9;
    EXPECT_FALSE(record.continues_with(next)) << "in another segment";
    next.segment = record.segment;
    record.length_bytes = 1899;
    EXPECT_FALSE(record.continues_with(next)) << "the run's end was cut off";
    record = some_extent();
    EXPECT_FALSE(record.continues_with(next)) << "its last block is not full";
}

TEST(ExtentRecord, RefusesImpossibleValues) {
    const auto refused = [](auto change) {
        ExtentRecord record = some_extent();
        change(record);
        EXPECT_THROW((void)decode_extent_record(encode(record)), Error);
    };
    refused([](ExtentRecord& r) { r.segment.sequence = 0; });
    refused([](ExtentRecord& r) { r.birth = Generation{0}; });
    refused([](ExtentRecord& r) { r.block_bytes = 0; });
    refused([](ExtentRecord& r) { r.block_bytes = block::max_block_payload_bytes + 1; });
    refused([](ExtentRecord& r) { r.run_bytes = 0; });
    refused([](ExtentRecord& r) { r.run_bytes = std::uint64_t{1} << 40; });
    refused([](ExtentRecord& r) { r.run_bytes = ~std::uint64_t{0}; });
    refused([](ExtentRecord& r) { r.length_bytes = 0; });
    refused([](ExtentRecord& r) { r.length_bytes = 2401; });
    refused([](ExtentRecord& r) { r.skip_bytes = 2500; });
    refused([](ExtentRecord& r) { r.skip_bytes = ~std::uint64_t{0}; });
    refused([](ExtentRecord& r) {  // one byte a block: the headers alone leave the segment
        r.block_bytes = 1;
        r.run_bytes = r.length_bytes = 1u << 28;
        r.skip_bytes = 0;
    });
}

TEST(OrphanRecord, HasAFixedFormat) {
    OrphanRecord record;
    record.free_inode = record.free_data = true;
    record.from_offset = 0x55;
    record.trimmed_inode = InodeNumber{9};
    const Bytes value = encode(record);
    EXPECT_EQ(hex(value),
              "0103"
              "5500000000000000"
              "0900000000000000");
    EXPECT_EQ(decode_orphan_record(value), record);
    expect_only_whole_values(value, [](ByteSpan bytes) { (void)decode_orphan_record(bytes); });
    EXPECT_THROW((void)decode_orphan_record(encode(OrphanRecord{})), Error) << "it asks for nothing";
}

}  // namespace
}  // namespace demofs::fs
