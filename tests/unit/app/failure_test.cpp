#include "demofs/app/failure.hpp"

#include <gtest/gtest.h>

#include "demofs/base/error.hpp"

namespace demofs::app {
namespace {

ExitCode code_of(const auto& error) {
    return exit_code_of(std::make_exception_ptr(error));
}

TEST(ExitCode, FollowsTheCauseOfTheError) {
    EXPECT_EQ(code_of(Error(Errc::wrong_password, "no")), exit_wrong_password);
    EXPECT_EQ(code_of(Error(Errc::not_a_vault, "no")), exit_not_a_vault);
    EXPECT_EQ(code_of(Error(Errc::vault_in_use, "no")), exit_vault_in_use);
    EXPECT_EQ(code_of(Error(Errc::vault_incomplete, "no")), exit_vault_incomplete);
    EXPECT_EQ(code_of(Error(Errc::corrupt, "no")), exit_vault_damaged);
    EXPECT_EQ(code_of(Error(Errc::unsupported_format, "no")), exit_unsupported_format);
    EXPECT_EQ(code_of(Error(Errc::forked, "no")), exit_forked);
    EXPECT_EQ(code_of(Error(Errc::writes_failed, "no")), exit_not_saved);
}

TEST(ExitCode, OfASystemErrorIsNotMistakenForOneOfOurs) {
    // EPERM and Errc::corrupt are both 1.
    EXPECT_EQ(code_of(Error(std::errc::operation_not_permitted, "no")), exit_failure);
}

TEST(ExitCode, OfAFailureIsItsOwn) {
    EXPECT_EQ(code_of(Failure(exit_busy, "busy")), exit_busy);
    try {
        failing_with(exit_mount_point,
                     [] { throw Error(std::errc::no_such_file_or_directory, "no mount point"); });
        FAIL() << "must throw";
    } catch (const Failure& failure) {
        EXPECT_EQ(failure.code(), exit_mount_point);
        EXPECT_NE(std::string(failure.what()).find("no mount point"), std::string::npos);
    }
}

}  // namespace
}  // namespace demofs::app
