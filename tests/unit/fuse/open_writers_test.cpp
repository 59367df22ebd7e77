#include "demofs/fuse/open_writers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace demofs::fuse {
namespace {

using fs::HandleId;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr InodeNumber file{7}, other{8};
constexpr HandleId one{1}, two{2}, three{3};

TEST(OpenWriters, AreActiveFromTheStartUntilTheyWereAskedFor) {
    OpenWriters writers;
    writers.opened(one, file);
    writers.opened(two, other);
    EXPECT_THAT(writers.active_files(), UnorderedElementsAre(file, other));
    writers.asked();
    EXPECT_THAT(writers.active_files(), IsEmpty());
    EXPECT_THAT(writers.files(), UnorderedElementsAre(file, other));
    writers.active(file);
    EXPECT_THAT(writers.active_files(), ElementsAre(file));
}

TEST(OpenWriters, AFileCountsUntilItsLastHandleIsReleased) {
    OpenWriters writers;
    writers.opened(one, file);
    writers.opened(two, file);
    writers.released(one);
    writers.released(one);
    EXPECT_THAT(writers.files(), ElementsAre(file));
    writers.released(two);
    EXPECT_THAT(writers.files(), IsEmpty());
}

TEST(OpenWriters, TheKernelIsToldOfBlocksWhenASyncChangedThem) {
    OpenWriters writers;
    writers.opened(one, file);
    EXPECT_TRUE(writers.allocation_changed(file, 4096));  // nobody knows what the kernel was told before
    EXPECT_FALSE(writers.allocation_changed(file, 4096));
    EXPECT_TRUE(writers.allocation_changed(file, 8192));
    EXPECT_FALSE(writers.allocation_changed(file, 8192));
    writers.cut(file);  // and written again before the next sync
    EXPECT_TRUE(writers.allocation_changed(file, 8192));
    writers.released(one);
    writers.opened(two, file);
    EXPECT_TRUE(writers.allocation_changed(file, 8192));
    EXPECT_TRUE(writers.allocation_changed(other, 8192));  // synced by a descriptor for reading
    EXPECT_TRUE(writers.allocation_changed(other, 8192));
}

TEST(OpenWriters, AFileThatIsNotOpenForWritingIsNeverActive) {
    OpenWriters writers;
    writers.active(file);
    writers.flushed(one);
    EXPECT_THAT(writers.active_files(), IsEmpty());
}

TEST(OpenWriters, CutOffIsWhatWasWrittenAndNotFlushed) {
    OpenWriters writers;
    writers.opened(one, file);
    writers.opened(two, other);
    writers.opened(three, file);
    writers.flushed(two);
    EXPECT_THAT(writers.cut_off(true), ElementsAre(file))
        << "once, and not what was flushed before an unmount";
    EXPECT_THAT(writers.cut_off(false), ElementsAre(file, other)) << "another descriptor may have written";
    writers.asked();
    EXPECT_THAT(writers.cut_off(false), IsEmpty());
}

}  // namespace
}  // namespace demofs::fuse
