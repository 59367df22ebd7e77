#include "demofs/fuse/mount_point.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "demofs/base/error.hpp"
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
}

}  // namespace
}  // namespace demofs::fuse
