#include "demofs/store/vault_config_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "demofs/base/error.hpp"
#include "demofs/crypto/key_slots.hpp"
#include "tests/support/temp_dir.hpp"

namespace demofs::store {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class VaultConfigFile : public testing::Test {
  protected:
    test_support::TempDir vault;
    const std::filesystem::path first = vault / "demofs.json";
    const std::filesystem::path second = vault / "demofs.json.bak";
    const std::string text = new_config();

    static std::string new_config() {
        const crypto::NewKey key{{crypto::SlotType::password, crypto::Password::copy_of("x")},
                                 "",
                                 crypto::KdfParameters::weakest_for_tests()};
        return crypto::to_json(crypto::create(key, crypto::Cipher::aes_256_gcm).config);
    }
    static void check(std::string_view candidate) { (void)crypto::from_json(candidate); }

    [[nodiscard]] VaultConfigText read() const { return read_vault_config(vault.path(), check); }

    [[nodiscard]] Error read_error() const {
        try {
            (void)read();
        } catch (const Error& error) {
            return error;
        }
        return Error(std::error_code(), "no error");
    }

    static void put(const std::filesystem::path& path, std::string_view content) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    }

    static std::string get(const std::filesystem::path& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
};

TEST_F(VaultConfigFile, IsWrittenTwiceAndReadWithoutANotice) {
    EXPECT_FALSE(has_vault_config(vault.path()));
    create_vault_config(vault.path(), text);
    EXPECT_TRUE(has_vault_config(vault.path()));
    EXPECT_EQ(get(first), text);
    EXPECT_EQ(get(second), text);
    EXPECT_EQ(read().text, text);
    EXPECT_EQ(read().notice, std::nullopt);
}

TEST_F(VaultConfigFile, LeavesNothingElseInTheDirectoryAndIsPrivate) {
    create_vault_config(vault.path(), text);
    replace_vault_config(vault.path(), text);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(vault.path()), {}), 2);
    struct stat status{};
    ASSERT_EQ(::stat(first.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(VaultConfigFile, ReplacingChangesBothCopies) {
    create_vault_config(vault.path(), text);
    const std::string other = new_config();
    replace_vault_config(vault.path(), other);
    EXPECT_EQ(get(first), other);
    EXPECT_EQ(get(second), other);
}

TEST_F(VaultConfigFile, CreatingRefusesADirectoryThatHoldsEitherCopy) {
    for (const auto& path : {first, second}) {
        put(path, text);
        try {
            create_vault_config(vault.path(), new_config());
            ADD_FAILURE() << "overwrote " << path;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), std::errc::file_exists);
            EXPECT_THAT(error.what(), HasSubstr(vault.path().string()));
        }
        EXPECT_EQ(get(path), text);
        std::filesystem::remove(path);
    }
}

TEST_F(VaultConfigFile, AMissingFirstCopyIsReplacedByTheSecondAndSaidSo) {
    put(second, text);
    const VaultConfigText result = read();
    EXPECT_EQ(result.text, text);
    EXPECT_THAT(result.notice.value_or(""),
                AllOf(HasSubstr(first.string() + " is missing"), HasSubstr("using demofs.json.bak")));
}

TEST_F(VaultConfigFile, ATornFirstCopyIsReplacedByTheSecondAtEveryLength) {
    put(second, text);
    for (std::size_t size = 0; size + 2 < text.size(); size += 7) {
        put(first, text.substr(0, size));
        const VaultConfigText result = read();
        EXPECT_EQ(result.text, text);
        EXPECT_THAT(result.notice.value_or(""), HasSubstr("using demofs.json.bak"));
    }
}

TEST_F(VaultConfigFile, AFirstCopyThatCannotBeReadIsReplacedByTheSecond) {
    put(second, text);
    std::filesystem::create_directory(first);  // open succeeds, read fails
    const VaultConfigText result = read();
    EXPECT_EQ(result.text, text);
    EXPECT_THAT(result.notice.value_or(""), HasSubstr("cannot read " + first.string()));
    std::filesystem::remove(second);
    EXPECT_EQ(read_error().code(), std::errc::is_a_directory);
}

TEST_F(VaultConfigFile, AMissingOrDifferentSecondCopyIsOnlyANotice) {
    put(first, text);
    EXPECT_EQ(read().text, text);
    EXPECT_THAT(read().notice.value_or(""), AllOf(HasSubstr(second.string()), HasSubstr("missing")));
    put(second, new_config());
    EXPECT_EQ(read().text, text);
    EXPECT_THAT(read().notice.value_or(""), AllOf(HasSubstr(second.string()), HasSubstr("differs")));
}

TEST_F(VaultConfigFile, WithoutACopyItIsNoVaultAndTheErrorNamesThePath) {
    EXPECT_EQ(read_error().code(), Errc::not_a_vault);
    EXPECT_THAT(read_error().what(), HasSubstr(vault.path().string()));
    const auto nowhere = vault / "missing";
    try {
        (void)read_vault_config(nowhere, check);
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::not_a_vault);
        EXPECT_THAT(error.what(), HasSubstr(nowhere.string()));
    }
}

TEST_F(VaultConfigFile, AForeignDocumentIsNoVault) {
    put(first, "{}");
    EXPECT_EQ(read_error().code(), Errc::not_a_vault);
    EXPECT_THAT(read_error().what(), HasSubstr(first.string()));
}

TEST_F(VaultConfigFile, TwoUnusableCopiesAreDamageAndBothAreNamed) {
    put(first, text.substr(0, 100));
    put(second, "");
    EXPECT_EQ(read_error().code(), Errc::corrupt);
    EXPECT_THAT(read_error().what(),
                AllOf(HasSubstr(first.string() + ":"), HasSubstr(second.string() + ":")));
}

TEST_F(VaultConfigFile, ANewerFormatIsNotOverruledByAnOlderCopy) {
    put(first, R"({"format": "demofs", "format_version": 9})");
    put(second, text);
    EXPECT_EQ(read_error().code(), Errc::unsupported_format);
    EXPECT_THAT(read_error().what(), AllOf(HasSubstr(first.string()), HasSubstr("version 9")));
}

TEST_F(VaultConfigFile, ACrashesLeftoverIsOverwritten) {
    put(vault / "demofs.json.tmp", "torn");
    create_vault_config(vault.path(), text);
    EXPECT_EQ(read().notice, std::nullopt);
    EXPECT_FALSE(std::filesystem::exists(vault / "demofs.json.tmp"));
}

TEST_F(VaultConfigFile, AFailedReplacementKeepsTheOldTextAndNoTemporaryFile) {
    std::filesystem::create_directory(first);  // cannot be replaced by a file
    EXPECT_THROW(replace_vault_config(vault.path(), text), Error);
    EXPECT_TRUE(std::filesystem::is_directory(first));
    EXPECT_FALSE(std::filesystem::exists(vault / "demofs.json.tmp"));
    EXPECT_FALSE(std::filesystem::exists(second))
        << "the second copy must not be touched before the first is done";
}

TEST_F(VaultConfigFile, ACopyThatIsReplacedKeepsItsOwnerAndMode) {
    create_vault_config(vault.path(), text);
    std::filesystem::permissions(first, std::filesystem::perms(0640));
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(first.c_str(), 1234, 4321), 0);
    }
    replace_vault_config(vault.path(), new_config());
    struct stat status{};
    ASSERT_EQ(::stat(first.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0640u);
    EXPECT_EQ(status.st_uid, ::geteuid() == 0 ? 1234u : ::geteuid());
    ASSERT_EQ(::stat(second.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(VaultConfigFile, TheLockKeepsOthersOutUntilItIsClosed) {
    std::filesystem::create_directory(vault / "objects");
    FileDescriptor lock = lock_vault_config(vault.path());
    const FileDescriptor other(::open((vault / "objects").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_NE(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
    const FileDescriptor mount(::open(vault.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(::flock(mount.get(), LOCK_EX | LOCK_NB), 0) << "a mount and a change of key slots do not meet";
    lock.close();
    EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
}

TEST_F(VaultConfigFile, TheLockNeedsAVault) {
    try {
        (void)lock_vault_config(vault.path());
        ADD_FAILURE() << "locked";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::not_a_vault);
    }
}

TEST_F(VaultConfigFile, AFailureOfTheSecondCopyNamesItAndLeavesTheFirstNew) {
    std::filesystem::create_directory(second);
    try {
        replace_vault_config(vault.path(), text);
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr(second.string()), HasSubstr("demofs.json is new already")));
        EXPECT_EQ(error.code(), std::errc::is_a_directory);
    }
    EXPECT_EQ(get(first), text);
}

}  // namespace
}  // namespace demofs::store
