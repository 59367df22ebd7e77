#include "demofs/base/error.hpp"

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <new>

#include "demofs/base/result.hpp"

namespace demofs {
namespace {

template <class E>
std::errc errno_of_thrown(const E& error) {
    return errno_of(std::make_exception_ptr(error));
}

TEST(Error, OurOwnCausesSayOnlyTheSentence) {
    const Error error(Errc::wrong_password, "The password is wrong.");
    EXPECT_STREQ(error.what(), "The password is wrong.");
    EXPECT_EQ(error.code(), Errc::wrong_password);
    EXPECT_STREQ(error.code().category().name(), "demofs");
}

TEST(Error, SystemErrorsAddTheSystemsWordsOnce) {
    EXPECT_STREQ(Error(ENOENT, "Cannot open /x").what(), "Cannot open /x: No such file or directory");
    EXPECT_STREQ(Error(std::errc::no_space_on_device, "Cannot write /x").what(),
                 "Cannot write /x: No space left on device");
}

TEST(Error, ACopyHasTheSameText) {
    const Error error(Errc::corrupt, "The superblock is damaged.");
    const Error copy = error;  // NOLINT(performance-unnecessary-copy-initialization)
    EXPECT_STREQ(copy.what(), error.what());
}

TEST(ErrnoOf, SystemErrorsKeepTheirErrno) {
    EXPECT_EQ(errno_of_thrown(Error(ENOSPC, "x")), std::errc::no_space_on_device);
    EXPECT_EQ(errno_of_thrown(Error(std::errc::file_exists, "x")), std::errc::file_exists);
    EXPECT_EQ(errno_of_thrown(std::system_error(EACCES, std::system_category())),
              std::errc::permission_denied);
    EXPECT_EQ(errno_of_thrown(boost::system::system_error(EPIPE, boost::system::generic_category())),
              std::errc::broken_pipe);
}

TEST(ErrnoOf, OurOwnCausesBecomeTheirErrno) {
    EXPECT_EQ(errno_of_thrown(Error(Errc::corrupt, "x")), std::errc::io_error);
    EXPECT_EQ(errno_of_thrown(Error(Errc::writes_failed, "x")), std::errc::read_only_file_system);
    EXPECT_EQ(errno_of_thrown(Error(Errc::vault_in_use, "x")), std::errc::device_or_resource_busy);
    EXPECT_EQ(errno_of_thrown(Error(Errc::wrong_password, "x")), std::errc::permission_denied);
    EXPECT_EQ(errno_of_thrown(Error(Errc::closed, "x")), std::errc::io_error);
}

TEST(ErrnoOf, ACancelledOperationWasInterrupted) {
    EXPECT_EQ(errno_of_thrown(boost::system::system_error(boost::asio::error::operation_aborted)),
              std::errc::interrupted);
}

TEST(ErrnoOf, EverythingElseIsAnIoError) {
    EXPECT_EQ(errno_of_thrown(std::bad_alloc()), std::errc::not_enough_memory);
    EXPECT_EQ(errno_of_thrown(std::runtime_error("x")), std::errc::io_error);
    EXPECT_EQ(errno_of_thrown(42), std::errc::io_error);
    EXPECT_EQ(errno_of_thrown(boost::system::system_error(boost::asio::error::eof)), std::errc::io_error);
}

TEST(Describe, GivesTheTextOfAnyException) {
    EXPECT_EQ(describe(nullptr), "no error");
    EXPECT_EQ(describe(std::make_exception_ptr(Error(Errc::corrupt, "It is damaged."))), "It is damaged.");
    EXPECT_EQ(describe(std::make_exception_ptr(42)), "an exception of unknown type");
}

TEST(HasCode, ComparesTheExactCode) {
    const auto error = std::make_exception_ptr(Error(Errc::corrupt, "x"));
    EXPECT_TRUE(has_code(error, Errc::corrupt));
    EXPECT_FALSE(has_code(error, Errc::vault_damaged));
    EXPECT_FALSE(has_code(nullptr, Errc::corrupt));
}

TEST(Result, ValueOfAnErrorThrowsItsErrno) {
    const Result<int> good = 5;
    EXPECT_EQ(good.value(), 5);
    const Result<int> bad = std::errc::not_a_directory;
    try {
        static_cast<void>(bad.value());
        FAIL() << "nothing was thrown";
    } catch (const std::system_error&) {
        EXPECT_EQ(errno_of(std::current_exception()), std::errc::not_a_directory);
    }
}

}  // namespace
}  // namespace demofs
