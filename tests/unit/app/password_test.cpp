#include "demofs/app/password.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "demofs/app/failure.hpp"
#include "tests/support/temp_dir.hpp"

namespace demofs::app {
namespace {

std::string text_of(const crypto::Password& password) {
    return {reinterpret_cast<const char*>(password.bytes().data()), password.size()};
}

std::string from_file(const std::string& content) {
    const test_support::TempDir directory;
    const std::string file = (directory / "password").string();
    std::ofstream(file, std::ios::binary) << content;
    return text_of(read_credential(PasswordSource{file, {}, {}}, Prompt::twice).secret);
}

TEST(PasswordFile, GivesItsFirstLine) {
    EXPECT_EQ(from_file("secret\n"), "secret");
    EXPECT_EQ(from_file("secret"), "secret");
    EXPECT_EQ(from_file("secret\r\nmore\n"), "secret");
    EXPECT_EQ(from_file(" with blanks \n"), " with blanks ");
}

TEST(PasswordFile, MustNotBeEmptyTooLongOrMissing) {
    EXPECT_THROW(from_file(""), Failure);
    EXPECT_THROW(from_file("\nsecond line\n"), Failure);
    EXPECT_EQ(from_file(std::string(1024, 'x') + "\n").size(), 1024u);
    EXPECT_THROW(from_file(std::string(1025, 'x') + "\n"), Failure);
    try {
        static_cast<void>(read_credential(PasswordSource{"/nowhere/at/all", {}, {}}, Prompt::once));
        FAIL() << "must throw";
    } catch (const Failure& failure) {
        EXPECT_NE(std::string(failure.what()).find("/nowhere/at/all"), std::string::npos);
    }
}

TEST(PasswordFile, DashIsStandardInputAndOnlyItsFirstLineIsTaken) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const std::string lines = "secret\nrest";
    ASSERT_EQ(::write(ends[1], lines.data(), lines.size()), static_cast<ssize_t>(lines.size()));
    ::close(ends[1]);
    const int before = ::dup(STDIN_FILENO);
    ::dup2(ends[0], STDIN_FILENO);
    const std::string password = text_of(read_credential(PasswordSource{"-", {}, {}}, Prompt::once).secret);
    std::array<char, 16> rest{};
    const ssize_t n = ::read(STDIN_FILENO, rest.data(), rest.size());
    ::dup2(before, STDIN_FILENO);
    ::close(before);
    ::close(ends[0]);
    EXPECT_EQ(password, "secret");
    EXPECT_EQ(std::string(rest.data(), static_cast<std::size_t>(n)), "rest");
}

std::string from_command(const std::string& command) {
    return text_of(read_credential(PasswordSource{{}, command, {}}, Prompt::once).secret);
}

TEST(PasswordCommand, GivesTheFirstLineOfItsOutput) {
    EXPECT_EQ(from_command("echo secret; echo more"), "secret");
    EXPECT_EQ(from_command("printf secret"), "secret");
    EXPECT_EQ(from_command("yes secret"), "secret");  // ends with SIGPIPE, when the first line was read
}

TEST(PasswordCommand, ThatFailsOrSaysNothingIsAnError) {
    EXPECT_THROW(from_command("true"), Failure);
    try {
        from_command("echo secret; exit 3");
        FAIL() << "must throw";
    } catch (const Failure& failure) {
        EXPECT_NE(std::string(failure.what()).find("exit code 3"), std::string::npos) << failure.what();
        EXPECT_EQ(std::string(failure.what()).find("secret\n"), std::string::npos);
    }
}

}  // namespace
}  // namespace demofs::app
