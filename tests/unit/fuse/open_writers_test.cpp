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
