#include "demofs/app/key_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "demofs/app/failure.hpp"
#include "demofs/crypto/hex.hpp"
#include "tests/support/temp_dir.hpp"

namespace demofs::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class KeyFile : public testing::Test {
  protected:
    const test_support::TempDir directory_;
    const std::string file_ = (directory_ / "key").string();

    void put(const std::string& content) const {
        std::ofstream(file_, std::ios::binary | std::ios::trunc) << content;
    }
    [[nodiscard]] std::string refusal() const {
        try {
            static_cast<void>(key_file_secret(file_));
        } catch (const Failure& failure) {
            return failure.what();
        }
        return "taken";
    }
};

// Computed with Python's hashlib.blake2b(digest_size=32).
TEST_F(KeyFile, GivesTheHashOfItsWholeContent) {
    put(std::string(64, 'k'));
    EXPECT_EQ(crypto::to_hex(key_file_secret(file_).bytes()),
              "9dad60daca86549bf309abb7bc41343ef1c964ed8646d4193578073ca1938650");
    std::string large;
    for (int i = 0; i < 100'000; ++i) large += static_cast<char>(i % 251);
    put(large);
    EXPECT_EQ(crypto::to_hex(key_file_secret(file_).bytes()),
              "916cfaa800ee55811e82095babeb88ea29c9ef8a36e8d7e20c7b772c344c9e1c");
}

TEST_F(KeyFile, LineEndsAndZeroBytesCount) {
    put(std::string(40, 'k'));
    const crypto::SecretBytes without = key_file_secret(file_);
    put(std::string(40, 'k') + "\n");
    const crypto::SecretBytes with = key_file_secret(file_);
    EXPECT_FALSE(with == without);
    put(std::string(40, 'k') + '\0');
    EXPECT_FALSE(key_file_secret(file_) == without);
}

TEST_F(KeyFile, MustBeThereLongEnoughAndNotEndless) {
    EXPECT_THAT(refusal(), AllOf(HasSubstr(file_), HasSubstr("No such file")));
    put(std::string(31, 'k'));
    EXPECT_THAT(refusal(), AllOf(HasSubstr("has only 31 bytes"), HasSubstr("/dev/urandom")));
    put(std::string(32, 'k'));
    EXPECT_EQ(refusal(), "taken");
    try {
        static_cast<void>(key_file_secret(directory_.path().string()));
        ADD_FAILURE() << "a directory was taken";
    } catch (const Failure& failure) {
        EXPECT_THAT(failure.what(), HasSubstr("Is a directory"));
    }
    try {
        static_cast<void>(key_file_secret("/dev/zero"));
        ADD_FAILURE() << "an endless file was taken";
    } catch (const Failure& failure) {
        EXPECT_THAT(failure.what(), HasSubstr("more than 64 MiB"));
    }
}

}  // namespace
}  // namespace demofs::app
