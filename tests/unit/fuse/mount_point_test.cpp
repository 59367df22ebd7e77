#include "demofs/fuse/mount_point.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "demofs/base/error.hpp"
#include "demofs/fuse/mount.hpp"
#include "tests/support/temp_dir.hpp"

namespace demofs::fuse {
namespace {

namespace files = std::filesystem;

// What prepare_mount_point says when it refuses.
std::string refusal(const std::string& directory) {
    bool cleaned_up = false;
    try {
        static_cast<void>(prepare_mount_point(directory, cleaned_up));
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(MountPoint, ThatIsEmptyIsTakenByItsRealPath) {
    const test_support::TempDir directory;
    files::create_directory(directory / "real");
    files::create_directory_symlink(directory / "real", directory / "link");
    bool cleaned_up = true;
    const std::string real = files::canonical(directory / "real").string();
    EXPECT_EQ(prepare_mount_point((directory / "real").string() + "/", cleaned_up), real);
    EXPECT_EQ(prepare_mount_point((directory / "link").string(), cleaned_up), real);
    EXPECT_FALSE(cleaned_up);
}

TEST(MountPoint, ThatCannotBeUsedIsRefusedWithTheReason) {
    const test_support::TempDir directory;
    files::create_directory(directory / "full");
    std::ofstream(directory / "full" / "file") << "x";
    EXPECT_NE(refusal((directory / "missing").string()).find("does not exist"), std::string::npos);
    EXPECT_NE(refusal((directory / "no" / "parent").string()).find("cannot be reached"), std::string::npos);
    EXPECT_NE(refusal((directory / "full" / "file").string()).find("not a directory"), std::string::npos);
    EXPECT_NE(refusal((directory / "full").string()).find("not empty"), std::string::npos);
    EXPECT_NE(refusal("/proc").find("busy"), std::string::npos);
}

TEST(MountedOn, KnowsWhatIsMounted) {
    EXPECT_EQ(mounted_on("/proc")->type, "proc");
    EXPECT_FALSE(mounted_on("/proc/self"));
    const Mount proc = *mounted_on("/proc");
    EXPECT_TRUE(find_again(proc)->same_as(proc));
    Mount other = proc;
    ++other.id;
    EXPECT_FALSE(other.same_as(proc));
    // All numbers but the unique ones are given out again.
    for (auto change : {+[](Mount& m) { m.source = "another"; }, +[](Mount& m) { m.type = "fuse.demofs"; },
                        +[](Mount& m) { m.owner = 1; }}) {
        other = proc;
        change(other);
        EXPECT_FALSE(other.same_as(proc));
        EXPECT_FALSE(find_again(other));
    }
    other = proc;
    other.unique_id = proc.unique_id + 1;
    EXPECT_EQ(other.same_as(proc), proc.unique_id == 0);
    EXPECT_EQ(find_again(other).has_value(), proc.unique_id == 0);
    EXPECT_FALSE(find_again(Mount{proc.id, "0:0", "/proc", "proc", "proc"}))
        << "the number of another filesystem";
}

TEST(Unmount, OfAMountThatIsGoneTouchesNothing) {
    Mount gone = *mounted_on("/proc");
    gone.device = "0:0";  // what was there, where /proc is now
    unmount(gone, UnmountMode::lazy);
    EXPECT_EQ(mounted_on("/proc")->type, "proc");
}

}  // namespace
}  // namespace demofs::fuse
