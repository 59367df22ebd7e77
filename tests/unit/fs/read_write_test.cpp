// Content of files: buffered, inline, in extents; holes, offsets, sizes.
#include <algorithm>

#include "demofs/fs/records/extent_record.hpp"
#include "demofs/fs/records/inode_record.hpp"
#include "demofs/fs/records/keys.hpp"
#include "mounted_vault.hpp"

namespace demofs::fs::test {
namespace {

using testing::IsEmpty;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t gib = kib * kib * kib;

// Bytes that tell their offset, so that misplaced ones are seen.
std::string pattern(std::size_t size, std::uint64_t seed = 1) {
    std::string text(size, '\0');
    std::uint64_t state = seed * 0x9E3779B97F4A7C15ull;
    for (char& c : text) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        c = static_cast<char>(state >> 56);
    }
    return text;
}

class ReadWrite : public testing::Test {
  protected:
    void TearDown() override {
        EXPECT_THAT(mount().contradictions(), IsEmpty());
        remount();
        EXPECT_THAT(mount().contradictions(), IsEmpty());
        EXPECT_EQ(mount().unmount(), nullptr);
        EXPECT_THAT(vault.problems, IsEmpty());
    }
    Mount& mount() {
        if (!mount_) mount_.emplace(vault);
        return *mount_;
    }
    void remount() {
        ASSERT_EQ(mount().unmount(), nullptr);
        mount_.reset();
        mount_.emplace(vault);
    }
    std::vector<std::pair<std::uint64_t, ExtentRecord>> extents() {
        std::vector<std::pair<std::uint64_t, ExtentRecord>> found;
        for (const auto& [key, value] : mount().entries()) {
            if (key.kind == tree::Kind::extent) found.emplace_back(key.key, decode_extent_record(value));
        }
        return found;
    }
    std::size_t count(tree::Kind kind) {
        const auto entries = mount().entries();
        return static_cast<std::size_t>(std::count_if(
            entries.begin(), entries.end(), [&](const auto& entry) { return entry.key.kind == kind; }));
    }

    Vault vault;

  private:
    std::optional<Mount> mount_;
};

TEST_F(ReadWrite, WhatWasWrittenIsReadBufferedStoredAndRemounted) {
    const InodeNumber file = mount().file(root_inode, "hello");
    EXPECT_EQ(mount().write(file, 0, "Hello, world").value(), 12u);
    EXPECT_EQ(mount().content(file), "Hello, world");
    ASSERT_TRUE(mount().sync(file));
    EXPECT_EQ(mount().content(file), "Hello, world");
    remount();
    EXPECT_EQ(mount().content(file), "Hello, world");
}

// Snapshots will ask it of each: whether they need the run.
TEST_F(ReadWrite, AnExtentIsAsOldAsTheCommitThatFirstStoredItsRun) {
    const InodeNumber file = mount().file(root_inode, "file");
    mount().write(file, 0, pattern(100'000)).value();
    ASSERT_TRUE(mount().sync(file));
    const Generation first = mount().tree().last_commit()->generation;
    for (const auto& [offset, extent] : extents()) EXPECT_EQ(extent.birth, first) << offset;
    remount();
    mount().write(file, 40'000, pattern(20'000, 2)).value();
    ASSERT_TRUE(mount().sync(file));
    const Generation second = mount().tree().last_commit()->generation;
    ASSERT_GT(second, first);
    bool cut = false;
    for (const auto& [offset, extent] : extents()) {
        const bool new_part = offset >= 40'000 && offset < 60'000;
        EXPECT_EQ(extent.birth, new_part ? second : first) << offset;
        cut = cut || offset == 60'000;
    }
    EXPECT_TRUE(cut) << "the old run's second half keeps its birth";
}

TEST_F(ReadWrite, WritingAndReadingRefuseWhatPosixRefuses) {
    const InodeNumber link = mount().make(root_inode, "link", S_IFLNK, "target").value().inode;
    const InodeNumber file = mount().file(root_inode, "file");
    EXPECT_EQ(mount().write(root_inode, 0, "x").error(), std::errc::is_a_directory);
    EXPECT_EQ(mount().read(root_inode, 0, 1).error(), std::errc::is_a_directory);
    EXPECT_EQ(mount().write(link, 0, "x").error(), std::errc::invalid_argument);
    EXPECT_EQ(mount().write(InodeNumber{99}, 0, "x").error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount().read(InodeNumber{99}, 0, 1).error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount().write(file, max_key, "x").error(), std::errc::file_too_large);
    EXPECT_EQ(mount().write(file, (std::uint64_t{1} << 63) - 1, "x").error(), std::errc::file_too_large);
    EXPECT_EQ(mount().truncate(file, std::uint64_t{1} << 63).error(), std::errc::file_too_large);
    EXPECT_EQ(mount().truncate(root_inode, 0).error(), std::errc::is_a_directory);
    EXPECT_EQ(mount().truncate(link, 0).error(), std::errc::invalid_argument);
    EXPECT_EQ(mount().write(file, 5, "").value(), 0u);
    EXPECT_EQ(mount().stat(file).value().size_bytes, 0u);
    EXPECT_EQ(mount().fs().try_open(root_inode)->error(), std::errc::is_a_directory);
    EXPECT_EQ(mount().fs().try_open(InodeNumber{99})->error(), std::errc::no_such_file_or_directory);
}

TEST_F(ReadWrite, AttributesTellOfBufferedContent) {
    const InodeNumber file = mount().file(root_inode, "file");
    mount().write(file, 100, "0123456789").value();
    const Attributes buffered = mount().stat(file).value();
    EXPECT_EQ(buffered.size_bytes, 110u);
    EXPECT_EQ(buffered.allocated_bytes, 10u);
    EXPECT_GT(buffered.modified, mount().stat(root_inode).value().modified);
    EXPECT_EQ(mount().fs().dirty_files(), 1u);
    ASSERT_TRUE(mount().sync(file));
    EXPECT_EQ(mount().fs().dirty_files(), 0u);
    EXPECT_EQ(mount().stat(file).value().size_bytes, 110u);
    EXPECT_EQ(mount().stat(file).value().modified, buffered.modified);
}

// The kernel is told of a file's blocks only when a sync has changed them: it must not have heard another number
// in between.
TEST_F(ReadWrite, BufferedContentNeverMakesAFileLargerThanItWillBe) {
    const InodeNumber file = mount().file(root_inode, "file");
    const auto write_and_sync = [&](std::uint64_t offset, std::size_t size) {
        const std::uint64_t before = mount().stat(file).value().allocated_bytes;
        mount().write(file, offset, std::string(size, 'x')).value();
        const std::uint64_t buffered = mount().stat(file).value().allocated_bytes;
        ASSERT_TRUE(mount().sync(file));
        EXPECT_LE(before, buffered) << offset;
        EXPECT_LE(buffered, mount().stat(file).value().allocated_bytes) << offset;
    };
    write_and_sync(0, 100'000);
    EXPECT_EQ(mount().stat(file).value().allocated_bytes, 100'000u);
    write_and_sync(0, 50'000);  // all of it replaces
    write_and_sync(90'000, 20'000);
    EXPECT_EQ(mount().stat(file).value().allocated_bytes, 110'000u);
    write_and_sync(1'000'000, 10'000);
    write_and_sync(500'000, 10'000);  // into the hole
    write_and_sync(400'000, 700'000);
    EXPECT_GE(mount().stat(file).value().allocated_bytes, 810'000u);
}

TEST_F(ReadWrite, ReadingStopsAtTheEndAndHolesAreZeros) {
    const InodeNumber file = mount().file(root_inode, "file");
    mount().write(file, 10, "abc").value();
    EXPECT_EQ(mount().read(file, 0, 100).value(), std::string(10, '\0') + "abc");
    EXPECT_EQ(mount().read(file, 12, 100).value(), "c");
    EXPECT_EQ(mount().read(file, 13, 100).value(), "");
    EXPECT_EQ(mount().read(file, gib, 100).value(), "");
    EXPECT_EQ(mount().read(file, max_key, 100).value(), "");
}

TEST_F(ReadWrite, SmallFilesLiveInlineAndMoveOutWhenTheyGrow) {
    const InodeNumber file = mount().file(root_inode, "file");
    std::string expected = pattern(900);
    mount().write(file, 0, expected).value();
    ASSERT_TRUE(mount().sync(file));
    EXPECT_EQ(count(tree::Kind::inline_data), 1u);
    EXPECT_THAT(extents(), IsEmpty());
    mount().write(file, 100, "overwritten").value();
    expected.replace(100, 11, "overwritten");
    ASSERT_TRUE(mount().sync(file));
    EXPECT_EQ(count(tree::Kind::inline_data), 1u);
    EXPECT_EQ(mount().content(file), expected);

    mount().write(file, 1000, "beyond the limit of inline content").value();
    expected += std::string(100, '\0') + "beyond the limit of inline content";
    ASSERT_TRUE(mount().sync(file));
    EXPECT_EQ(count(tree::Kind::inline_data), 0u);
    EXPECT_EQ(mount().content(file), expected);
    remount();
    EXPECT_EQ(mount().content(file), expected);
}

TEST_F(ReadWrite, AFullBlockWrittenOverAnInlineFileTakesItsPlace) {
    const InodeNumber file = mount().file(root_inode, "file");
    mount().write(file, 0, pattern(500)).value();
    ASSERT_TRUE(mount().sync(file));
    const std::string block = pattern(32 * kib, 2);
    mount().write(file, 0, block).value();
    EXPECT_EQ(mount().content(file), block);
    EXPECT_EQ(mount().fs().dirty_files(), 0u) << "a full block is not buffered";
    EXPECT_THAT(mount().contradictions(), IsEmpty());
}

TEST_F(ReadWrite, AFullBlockBehindAnInlineFileLeavesItsContent) {
    const InodeNumber file = mount().file(root_inode, "file");
    const std::string first = pattern(500);
    mount().write(file, 0, first).value();
    ASSERT_TRUE(mount().sync(file));
    const std::string block = pattern(32 * kib, 2);
    mount().write(file, 32 * kib, block).value();
    EXPECT_EQ(mount().content(file), first + std::string(32 * kib - 500, '\0') + block);
}

TEST_F(ReadWrite, SequentialWritesBecomeOneRun) {
    const InodeNumber file = mount().file(root_inode, "file");
    std::string expected;
    for (int i = 0; i < 40; ++i) {
        const std::string part = pattern(100 * kib, static_cast<std::uint64_t>(i));
        ASSERT_EQ(mount().write(file, expected.size(), part).value(), part.size());
        expected += part;
    }
    const auto runs = extents();
    ASSERT_EQ(runs.size(), 1u);
    EXPECT_EQ(runs[0].second.length_bytes, 125u * 32 * kib);
    EXPECT_EQ(mount().content(file), expected);
    remount();
    EXPECT_EQ(mount().content(file), expected);
    EXPECT_EQ(mount().stat(file).value().allocated_bytes, expected.size());
}

TEST_F(ReadWrite, AnOverwriteCutsAnExtentToTheByte) {
    const InodeNumber file = mount().file(root_inode, "file");
    std::string expected = pattern(128 * kib);
    mount().write(file, 0, expected).value();
    ASSERT_TRUE(mount().sync(file));
    mount().write(file, 50'001, "abc").value();
    expected.replace(50'001, 3, "abc");
    EXPECT_EQ(mount().content(file), expected) << "buffered over stored";
    ASSERT_TRUE(mount().sync(file));
    const auto parts = extents();
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_EQ(parts[0].second.length_bytes, 50'001u);
    EXPECT_EQ(parts[1].first, 50'001u);
    EXPECT_EQ(parts[1].second.length_bytes, 3u);
    EXPECT_EQ(parts[2].first, 50'004u);
    EXPECT_EQ(mount().content(file), expected);
    remount();
    EXPECT_EQ(mount().content(file), expected);
    EXPECT_EQ(mount().stat(file).value().allocated_bytes, expected.size());
}

TEST_F(ReadWrite, SmallWritesFillABlockThatThenLeavesTheBuffer) {
    const InodeNumber file = mount().file(root_inode, "file");
    const std::string expected = pattern(32 * kib);
    for (std::size_t at = 0; at < expected.size(); at += 1000)
        mount().write(file, at, std::string_view(expected).substr(at, 1000)).value();
    EXPECT_EQ(mount().fs().dirty_files(), 0u);
    EXPECT_EQ(mount().content(file), expected);
    const InodeNumber backwards = mount().file(root_inode, "backwards");
    for (std::size_t at = expected.size(); at > 0; at -= 4096)
        mount().write(backwards, at - 4096, std::string_view(expected).substr(at - 4096, 4096)).value();
    EXPECT_EQ(mount().fs().dirty_files(), 0u);
    EXPECT_EQ(mount().content(backwards), expected);
}

TEST_F(ReadWrite, StretchesThatDoNotMeetAreKeptBoth) {
    const InodeNumber file = mount().file(root_inode, "file");
    mount().write(file, 20'000, "later").value();
    mount().write(file, 100, "earlier").value();
    mount().write(file, 10'000, "middle").value();
    std::string expected(20'005, '\0');
    expected.replace(100, 7, "earlier").replace(10'000, 6, "middle").replace(20'000, 5, "later");
    EXPECT_EQ(mount().content(file), expected);
    ASSERT_TRUE(mount().sync(file));
    EXPECT_EQ(mount().content(file), expected);
}

TEST_F(ReadWrite, SparseFilesOfManyGibibytesCostOnlyWhatWasWritten) {
    const InodeNumber file = mount().file(root_inode, "file");
    const std::uint64_t far = (std::uint64_t{1} << 62) + 12345;
    mount().write(file, far, "far away").value();
    mount().write(file, 5 * gib, "nearer").value();
    EXPECT_EQ(mount().stat(file).value().size_bytes, far + 8);
    remount();
    EXPECT_EQ(mount().stat(file).value().size_bytes, far + 8);
    EXPECT_EQ(mount().stat(file).value().allocated_bytes, 14u);
    EXPECT_EQ(mount().read(file, far, 100).value(), "far away");
    EXPECT_EQ(mount().read(file, 5 * gib - 2, 10).value(), std::string("\0\0nearer\0\0", 10));
    EXPECT_EQ(mount().read(file, 3 * gib, 1 << 20).value(), std::string(1 << 20, '\0'));
    ASSERT_TRUE(mount().truncate(file, 5 * gib + 3));
    EXPECT_EQ(mount().read(file, 5 * gib, 100).value(), "nea");
}

TEST_F(ReadWrite, TruncatingCutsAndExtendingShowsZeros) {
    const InodeNumber file = mount().file(root_inode, "file");
    const std::string text = pattern(100'000);
    mount().write(file, 0, text).value();
    EXPECT_EQ(mount().truncate(file, 40'000).value().size_bytes, 40'000u);
    EXPECT_EQ(mount().content(file), text.substr(0, 40'000));
    EXPECT_EQ(mount().truncate(file, 60'000).value().size_bytes, 60'000u);
    EXPECT_EQ(mount().content(file), text.substr(0, 40'000) + std::string(20'000, '\0'));
    EXPECT_EQ(mount().truncate(file, 0).value().allocated_bytes, 0u);
    EXPECT_EQ(mount().content(file), "");
    ASSERT_TRUE(mount().truncate(file, 100));
    EXPECT_EQ(mount().content(file), std::string(100, '\0'));
    mount().write(file, 50, "x").value();
    EXPECT_EQ(mount().content(file), std::string(50, '\0') + "x" + std::string(49, '\0'));
}

TEST_F(ReadWrite, TruncatingAnInlineFileForgetsWhatWasCut) {
    const InodeNumber file = mount().file(root_inode, "file");
    mount().write(file, 0, "0123456789").value();
    ASSERT_TRUE(mount().sync(file));
    ASSERT_TRUE(mount().truncate(file, 4));
    ASSERT_TRUE(mount().truncate(file, 100'000));
    EXPECT_EQ(mount().content(file), "0123" + std::string(99'996, '\0'));
    mount().write(file, 99'999, "z").value();
    ASSERT_TRUE(mount().sync(file));
    EXPECT_EQ(mount().content(file), "0123" + std::string(99'995, '\0') + "z");
}

TEST_F(ReadWrite, BufferedBytesBeyondATruncationAreGone) {
    const InodeNumber file = mount().file(root_inode, "file");
    mount().write(file, 0, "0123456789").value();
    ASSERT_TRUE(mount().truncate(file, 5));
    ASSERT_TRUE(mount().truncate(file, 8));
    EXPECT_EQ(mount().content(file), std::string("01234\0\0\0", 8));
}

// Makes a file of `count` extents that cannot be joined: every second block, the other ones later.
void write_scattered(Mount& mount, InodeNumber file, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        ASSERT_TRUE(mount.write(file, i * 64 * kib, pattern(32 * kib, i)));
}

TEST_F(ReadWrite, CuttingManyExtentsIsLeftToTheReclaimer) {
    const InodeNumber file = mount().file(root_inode, "file");
    write_scattered(mount(), file, 700);
    ASSERT_EQ(extents().size(), 700u);
    const std::uint64_t size = 64 * kib * 10 + 1000;
    ASSERT_TRUE(mount().truncate(file, size));
    EXPECT_EQ(count(tree::Kind::orphan), 1u);
    EXPECT_GT(extents().size(), 600u) << "freed later";
    EXPECT_EQ(mount().stat(file).value().size_bytes, size);
    EXPECT_EQ(mount().read(file, size - 1000, 5000).value(), pattern(32 * kib, 10).substr(0, 1000));
    EXPECT_THAT(mount().contradictions(), IsEmpty());
    remount();  // without the reclaimer having run
    EXPECT_EQ(count(tree::Kind::orphan), 1u);
    mount().write(file, 100, "below the end").value();
    SetAttributes grow;
    grow.inode = file;
    grow.set_size = true;
    grow.size_bytes = size + 1;
    EXPECT_FALSE(mount().fs().try_run(grow).has_value())
        << "the file may not grow over extents that are being freed";
    ASSERT_TRUE(mount().truncate(file, 64 * kib * 700));
    EXPECT_EQ(extents().size(), 13u) << "11 blocks, one of them cut in two, and the small write";
    EXPECT_EQ(count(tree::Kind::orphan), 0u);
    EXPECT_EQ(mount().read(file, 64 * kib * 20, 32 * kib).value(), std::string(32 * kib, '\0'));
}

TEST_F(ReadWrite, AWriteBehindATrimmedEndWaitsForTheTrim) {
    const InodeNumber file = mount().file(root_inode, "file");
    write_scattered(mount(), file, 600);
    ASSERT_TRUE(mount().truncate(file, 1000));
    ASSERT_EQ(count(tree::Kind::orphan), 1u);
    mount().write(file, 64 * kib * 300, "new").value();
    EXPECT_EQ(count(tree::Kind::orphan), 0u);
    EXPECT_EQ(mount().read(file, 64 * kib * 299, 64 * kib + 100).value(),
              std::string(64 * kib, '\0') + "new");
}

TEST_F(ReadWrite, ClearingABigFileSwapsItsContentAndTheReclaimerFreesTheOld) {
    const InodeNumber file = mount().file(root_inode, "file");
    write_scattered(mount(), file, 600);
    ASSERT_TRUE(mount().truncate(file, 0));
    EXPECT_EQ(mount().stat(file).value().allocated_bytes, 0u);
    mount().write(file, 0, "fresh").value();
    EXPECT_EQ(mount().content(file), "fresh");
    ASSERT_TRUE(mount().sync(file));
    EXPECT_EQ(count(tree::Kind::extent), 600u);
    EXPECT_THAT(mount().contradictions(), IsEmpty());
    mount().fs().start();
    mount().run_until([&] { return count(tree::Kind::orphan) == 0; });
    EXPECT_EQ(count(tree::Kind::extent), 0u);
    EXPECT_EQ(mount().content(file), "fresh");
    EXPECT_EQ(mount().tree().counters().data_bytes, 5u);
}

TEST_F(ReadWrite, AnOpenFileOutlivesItsName) {
    const InodeNumber file = mount().file(root_inode, "file");
    const HandleId first = mount().open_file(file);
    const HandleId second = mount().open_file(file);
    mount().write(file, 0, pattern(200 * kib)).value();
    ASSERT_TRUE(mount().unlink(root_inode, "file"));
    mount().fs().start();
    mount().fs().release(first);
    mount().write(file, 0, "still here").value();
    ASSERT_TRUE(mount().sync(file));
    EXPECT_EQ(mount().read(file, 0, 10).value(), "still here");
    EXPECT_EQ(mount().fs().open_handles(), 1u);
    mount().fs().release(second);
    mount().run_until([&] { return !mount().stat(file); });
    EXPECT_EQ(mount().entries().size(), 1u) << "only the root is left";
    EXPECT_EQ(mount().tree().counters().data_bytes, 0u);
    EXPECT_EQ(mount().tree().counters().inodes, 1u);
}

TEST_F(ReadWrite, AReopenedUnlinkedFileIsNotFreed) {
    const InodeNumber file = mount().file(root_inode, "file");
    mount().write(file, 0, "content").value();
    const HandleId first = mount().open_file(file);
    ASSERT_TRUE(mount().unlink(root_inode, "file"));
    mount().fs().release(first);
    const HandleId second = mount().open_file(file);  // as through /proc/self/fd
    mount().fs().start();
    ASSERT_TRUE(mount().sync_all());
    EXPECT_EQ(mount().content(file), "content");
    mount().fs().release(second);
    mount().run_until([&] { return !mount().stat(file); });
}

TEST_F(ReadWrite, WritersAreSlowedAboveTheDirtyLimit) {
    vault.fs_settings.dirty_data_bytes = 64 * kib;
    std::vector<InodeNumber> files;
    for (int i = 0; i < 50; ++i) files.push_back(mount().file(root_inode, std::to_string(i)));
    const std::string text = pattern(10'000);
    for (const InodeNumber file : files) {
        mount().write(file, 5, text).value();
        EXPECT_LE(mount().fs().dirty_files(), 8u);
    }
    for (const InodeNumber file : files) EXPECT_EQ(mount().read(file, 5, 20'000).value(), text);
}

TEST_F(ReadWrite, SegmentUsageIsWhatExtentsReferTo) {
    vault.block_settings.segment_bytes = 256 * 1024;
    const InodeNumber file = mount().file(root_inode, "file");
    for (std::uint64_t i = 0; i < 100; ++i)
        mount().write(file, (i * 37 % 50) * 10'000, pattern(50'000, i)).value();
    ASSERT_TRUE(mount().truncate(file, 300'000));
    ASSERT_TRUE(mount().sync_all());
    std::int64_t data = 0;
    for (const auto& [segment, bytes] : data_usage_of(mount().entries())) data += bytes;
    EXPECT_EQ(mount().tree().counters().data_bytes, static_cast<std::uint64_t>(data));
    EXPECT_EQ(mount().stat(file).value().allocated_bytes, static_cast<std::uint64_t>(data));
}

}  // namespace
}  // namespace demofs::fs::test
