#include "demofs/app/suggestion.hpp"

#include <gtest/gtest.h>

namespace demofs::app {
namespace {

TEST(Suggestion, IsWhatIsTypedNearlyTheSame) {
    const std::vector<std::string> commands{"init", "mount", "unmount", "status", "info", "help"};
    EXPECT_EQ(nearest("mout", commands), "mount");
    EXPECT_EQ(nearest("monut", commands), "mount");
    EXPECT_EQ(nearest("unmout", commands), "unmount");
    EXPECT_EQ(nearest("stauts", commands), "status");
    EXPECT_EQ(nearest("inti", commands), "init");
    EXPECT_EQ(nearest("--pasword-fle", {"--password-file", "--read-only"}), "--password-file");
}

TEST(Suggestion, OfAShortWordIsTheSameInAnotherCase) {
    const std::vector<std::string> options{"-h", "--help", "-V", "--version"};
    EXPECT_EQ(nearest("-v", options), "-V");
    EXPECT_EQ(nearest("--VERSION", options), "--version");
    EXPECT_EQ(nearest("-x", options), "");
}

TEST(Suggestion, IsNoneWhereNothingIsNear) {
    EXPECT_EQ(nearest("frobnicate", {"init", "mount", "unmount"}), "");
    EXPECT_EQ(nearest("", {"init"}), "");
    EXPECT_EQ(nearest("mount", {}), "");
}

}  // namespace
}  // namespace demofs::app
