#include "demofs/app/mount_helper.hpp"

#include <gtest/gtest.h>

#include "demofs/app/failure.hpp"

namespace demofs::app {
namespace {

using Words = std::vector<std::string>;

TEST(MountHelper, TurnsTheWordsOfMountIntoThoseOfDemofs) {
    const Words given{"/vault", "/mnt", "-o",
                      "rw,password-file=/etc/key,allow_other,nofail,x-systemd.automount,idle=60"};
    const Words wanted{"mount", "/vault", "/mnt", "--password-file=/etc/key", "--allow-other", "--idle=60"};
    EXPECT_EQ(helper_arguments("/sbin/mount.demofs", given), wanted);
    EXPECT_EQ(helper_arguments("mount.fuse.demofs", given), wanted);
    EXPECT_EQ(
        helper_arguments("/sbin/mount.demofs", {"/vault", "/mnt", "-sv", "-t", "fuse.demofs", "-o", "ro"}),
        (Words{"mount", "/vault", "/mnt", "--read-only"}));
}

TEST(MountHelper, IsNotMeantByAnotherName) {
    EXPECT_EQ(helper_arguments("/usr/bin/demofs", {"mount", "a", "b"}), std::nullopt);
}

TEST(MountHelper, DoesNothingInARehearsal) {
    EXPECT_EQ(helper_arguments("mount.demofs", {"/vault", "/mnt", "-f"}), Words());
}

TEST(MountHelper, RefusesWhatItDoesNotKnow) {
    EXPECT_THROW(static_cast<void>(helper_arguments("mount.demofs", {"/vault"})), Failure);
    EXPECT_THROW(static_cast<void>(helper_arguments("mount.demofs", {"/vault", "/mnt", "-x"})), Failure);
    EXPECT_THROW(static_cast<void>(helper_arguments("mount.demofs", {"/vault", "/mnt", "-o"})), Failure);
    EXPECT_THROW(static_cast<void>(helper_arguments("mount.demofs", {"/vault", "/mnt", "-N", "1"})), Failure);
}

TEST(MountOptions, AreReplacedWhereverTheyStand) {
    EXPECT_EQ(expand_mount_options({"mount", "-o", "ro,idle=5", "a", "b", "-oallow_other"}),
              (Words{"mount", "--read-only", "--idle=5", "a", "b", "--allow-other"}));
    EXPECT_EQ(expand_mount_options({"mount", "--", "-o"}), (Words{"mount", "--", "-o"}));
    EXPECT_THROW(static_cast<void>(expand_mount_options({"mount", "-o"})), Failure);
}

}  // namespace
}  // namespace demofs::app
