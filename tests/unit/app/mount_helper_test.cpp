#include "demofs/app/mount_helper.hpp"

#include <gtest/gtest.h>

#include "demofs/app/failure.hpp"

namespace demofs::app {
namespace {

using Words = std::vector<std::string>;

const std::vector<MountOption> known{{"password-file", true}, {"idle", true},       {"log-level", true},
                                     {"allow-other", false},  {"read-only", false}, {"noexec", false}};

Words expanded(const std::string& list) {
    return expand_mount_options({"-o", list}, known).arguments;
}

// What is said of a list that is refused.
std::string refusal(const std::string& list) {
    try {
        static_cast<void>(expanded(list));
    } catch (const Failure& failure) {
        EXPECT_EQ(failure.code(), exit_usage);
        return failure.what();
    }
    return "";
}

TEST(MountHelper, TurnsTheWordsOfMountIntoThoseOfDemofs) {
    EXPECT_EQ(helper_arguments("/sbin/mount.demofs", {"/vault", "/mnt", "-o", "rw,idle=60"}),
              (Words{"mount", "/vault", "/mnt", "-o", "rw,idle=60"}));
    EXPECT_EQ(
        helper_arguments("mount.fuse.demofs", {"/vault", "/mnt", "-sv", "-t", "fuse.demofs", "-o", "ro"}),
        (Words{"mount", "/vault", "/mnt", "-o", "ro"}));
}

TEST(MountHelper, ExplainsItself) {
    EXPECT_EQ(helper_arguments("mount.demofs", {"--help"}), (Words{"mount", "--help"}));
    EXPECT_EQ(helper_arguments("mount.demofs", {"-h"}), (Words{"mount", "--help"}));
    EXPECT_EQ(helper_arguments("mount.demofs", {"-V"}), (Words{"--version"}));
    EXPECT_EQ(helper_arguments("mount.demofs", {"--version"}), (Words{"--version"}));
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
    EXPECT_EQ(expand_mount_options({"mount", "-o", "ro,idle=5", "a", "b", "-oallow_other"}, known).arguments,
              (Words{"mount", "--read-only", "--idle=5", "a", "b", "--allow-other"}));
    EXPECT_EQ(expand_mount_options({"mount", "--", "-o", "x"}, known).arguments,
              (Words{"mount", "--", "-o", "x"}));
    EXPECT_THROW(static_cast<void>(expand_mount_options({"mount", "-o"}, known)), Failure);
}

TEST(MountOptions, ForOthersAreLeftOut) {
    EXPECT_EQ(
        expanded("defaults,auto,noauto,user,users,owner,group,nofail,_netdev,nosuid,nodev,relatime,lazytime"),
        Words());
    EXPECT_EQ(expanded("user=me,x-systemd.automount,X-mount.mkdir,comment=mine,uhelper=demofs"), Words());
}

TEST(MountOptions, ThatContradictEachOtherAreDecidedByTheLast) {
    EXPECT_EQ(expanded("ro,rw"), Words());
    EXPECT_EQ(expanded("rw,ro"), Words{"--read-only"});
    EXPECT_EQ(expanded("noexec,exec,idle=5"), Words{"--idle=5"});
    EXPECT_EQ(expanded("user,noexec"), Words{"--noexec"});
}

TEST(MountOptions, ThatCannotBeDoneAreRefusedWithTheReason) {
    EXPECT_EQ(refusal("rw,remount").find("-o remount: a mount cannot be changed"), 0u);
    EXPECT_EQ(refusal("sync").find("-o sync: not every write waits for the disk"), 0u);
    EXPECT_EQ(refusal("dirsync").find("-o dirsync: "), 0u);
}

TEST(MountOptions, AreNamedAsTypedWhereTheyAreWrong) {
    EXPECT_EQ(refusal("frob=1").find("-o frob=1: there is no such option; demofs mount --help"), 0u);
    EXPECT_EQ(refusal("alow_other"), "-o alow_other: there is no such option; did you mean allow-other?");
    EXPECT_EQ(refusal("password_file"), "-o password_file: a value is missing, as in -o password_file=VALUE");
    EXPECT_EQ(refusal("allow_other=yes"), "-o allow_other=yes: this option takes no value");
    const auto typed = expand_mount_options({"-o", "log_level=x,ro,idle=1"}, known).typed;
    EXPECT_EQ(as_typed("--log-level: x not in {a}; --log-levels, --read-only excludes --idle", typed),
              "-o log_level: x not in {a}; --log-levels, -o ro excludes -o idle");
    EXPECT_EQ(as_typed("--log-level: x", {}), "--log-level: x");
}

}  // namespace
}  // namespace demofs::app
