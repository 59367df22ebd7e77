#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "demofs/base/error.hpp"
#include "demofs/crypto/vault_config.hpp"
#include "tests/unit/crypto/hex.hpp"

namespace demofs::crypto {
namespace {

const KdfParameters fast = KdfParameters::weakest_for_tests();

Password password(std::string_view text) {
    return Password::copy_of(text);
}

template <class F>
std::error_code code_of(F&& function) {
    try {
        function();
    } catch (const Error& error) {
        return error.code();
    }
    return {};
}

class KeySlots : public testing::Test {
  protected:
    NewVault vault = create(password("first"), Cipher::aes_256_gcm, fast);

    [[nodiscard]] bool opens_with(std::string_view text) const {
        const std::error_code code = code_of([&] {
            EXPECT_TRUE(unlock(vault.config, password(text)).master == vault.master) << "another master key";
        });
        EXPECT_TRUE(!code || code == Errc::wrong_password) << code.message();
        return !code;
    }
};

TEST_F(KeySlots, ANewVaultOpensWithItsPasswordOnly) {
    EXPECT_TRUE(opens_with("first"));
    EXPECT_FALSE(opens_with("First"));
    EXPECT_FALSE(opens_with("first "));
    EXPECT_FALSE(opens_with(""));
}

TEST_F(KeySlots, EveryVaultHasItsOwnIdAndMasterKey) {
    const NewVault other = create(password("first"), Cipher::aes_256_gcm, fast);
    EXPECT_NE(other.config.vault_id, vault.config.vault_id);
    EXPECT_FALSE(other.master == vault.master);
    EXPECT_NE(other.config.slots[0].salt, vault.config.slots[0].salt);
    EXPECT_NE(other.config.slots[0].nonce, vault.config.slots[0].nonce);
}

TEST_F(KeySlots, AnEmptyPasswordIsRefused) {
    EXPECT_EQ(code_of([] { (void)create(Password(), Cipher::aes_256_gcm, fast); }),
              std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { add_slot(vault.config, vault.master, Password(), fast); }),
              std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { replace_password(vault.config, password("first"), Password(), fast); }),
              std::errc::invalid_argument);
    EXPECT_EQ(vault.config.slots.size(), 1u);
    EXPECT_TRUE(opens_with("first"));
}

TEST_F(KeySlots, EverySlotOpensTheVault) {
    EXPECT_EQ(add_slot(vault.config, vault.master, password("second"), fast), 1u);
    EXPECT_EQ(add_slot(vault.config, vault.master, password("third"), fast), 2u);
    EXPECT_TRUE(opens_with("first"));
    EXPECT_TRUE(opens_with("second"));
    EXPECT_TRUE(opens_with("third"));
    EXPECT_EQ(unlock(vault.config, password("second")).slot_id, 1u);
    EXPECT_FALSE(opens_with("fourth"));
}

TEST_F(KeySlots, ARemovedSlotOpensNoMoreAndItsIdIsUsedAgain) {
    add_slot(vault.config, vault.master, password("second"), fast);
    remove_slot(vault.config, 0);
    EXPECT_FALSE(opens_with("first"));
    EXPECT_TRUE(opens_with("second"));
    EXPECT_EQ(add_slot(vault.config, vault.master, password("third"), fast), 0u);
}

TEST_F(KeySlots, TheLastSlotAndUnknownSlotsCannotBeRemoved) {
    EXPECT_EQ(code_of([&] { remove_slot(vault.config, 0); }), std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { remove_slot(vault.config, 7); }), std::errc::invalid_argument);
    EXPECT_TRUE(opens_with("first"));
}

TEST_F(KeySlots, ThereIsALimitToTheNumberOfSlots) {
    for (std::size_t i = 1; i < max_key_slots; ++i)
        add_slot(vault.config, vault.master, password("more"), fast);
    EXPECT_EQ(code_of([&] { add_slot(vault.config, vault.master, password("too many"), fast); }),
              std::errc::invalid_argument);
    EXPECT_EQ(vault.config.slots.size(), max_key_slots);
}

TEST_F(KeySlots, AReplacedPasswordOpensTheSameSlotAndTheOldOneDoesNot) {
    add_slot(vault.config, vault.master, password("second"), fast);
    EXPECT_EQ(replace_password(vault.config, password("second"), password("new"), fast), 1u);
    EXPECT_FALSE(opens_with("second"));
    EXPECT_TRUE(opens_with("new"));
    EXPECT_TRUE(opens_with("first"));
    EXPECT_EQ(unlock(vault.config, password("new")).slot_id, 1u);
}

TEST_F(KeySlots, ReplacingNeedsTheOldPassword) {
    const VaultConfig before = vault.config;
    EXPECT_EQ(code_of([&] { replace_password(vault.config, password("wrong"), password("new"), fast); }),
              Errc::wrong_password);
    EXPECT_EQ(vault.config, before);
}

TEST_F(KeySlots, EveryAuthenticatedFieldIsProtected) {
    const VaultConfig good = vault.config;
    const auto breaks = [&](const char* field, auto&& change) {
        vault.config = good;
        change(vault.config);
        EXPECT_FALSE(opens_with("first")) << field;
    };
    breaks("vault id", [](VaultConfig& config) { config.vault_id[15] ^= std::byte{1}; });
    breaks("cipher", [](VaultConfig& config) { config.cipher = Cipher::chacha20_poly1305; });
    breaks("created", [](VaultConfig& config) { config.created += std::chrono::seconds(1); });
    breaks("slot id", [](VaultConfig& config) { config.slots[0].id = 1; });
    breaks("ops", [](VaultConfig& config) { ++config.slots[0].kdf.ops; });
    breaks("memory", [](VaultConfig& config) { config.slots[0].kdf.memory_bytes += 1024; });
    for (std::size_t i = 0; i < kdf_salt_bytes; ++i)
        breaks("salt", [&](VaultConfig& config) { config.slots[0].salt[i] ^= std::byte{1}; });
    for (std::size_t i = 0; i < slot_nonce_bytes; ++i)
        breaks("nonce", [&](VaultConfig& config) { config.slots[0].nonce[i] ^= std::byte{1}; });
    for (std::size_t i = 0; i < good.slots[0].wrapped_key.size(); ++i)
        breaks("wrapped key", [&](VaultConfig& config) { config.slots[0].wrapped_key[i] ^= std::byte{1}; });
    vault.config = good;
    EXPECT_TRUE(opens_with("first"));
}

TEST_F(KeySlots, AFeatureThatSomebodyAddedOrTookAwayIsNoticed) {
    EXPECT_TRUE(opens_with("first"));
    vault.config.features = {"a-feature"};
    EXPECT_EQ(code_of([&] { (void)unlock(vault.config, password("first")); }), Errc::corrupt);
    vault.config.features_tag = features_tag(vault.config, vault.master);
    EXPECT_TRUE(opens_with("first"));
    vault.config.features.clear();
    EXPECT_EQ(code_of([&] { (void)unlock(vault.config, password("first")); }), Errc::corrupt);
    EXPECT_EQ(code_of([&] { (void)unlock(vault.config, password("wrong")); }), Errc::wrong_password);
}

// Computed with Python's hmac.
TEST(Features, TheirTagIsAnOnDiskConstant) {
    VaultConfig config;
    SecretBytes bytes(master_key_bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes.mutable_bytes()[i] = std::byte(i);
    for (std::size_t i = 0; i < config.vault_id.size(); ++i) config.vault_id[i] = std::byte(0xa0 + i);
    const MasterKey master(std::move(bytes));
    EXPECT_EQ(crypto_test::to_hex(features_tag(config, master)),
              "59a07c5e94c5f6bbfeecc7bd112a246eded70bd1a75d333a64c17198fca3e649");
    config.features = {"a-feature", "b"};
    EXPECT_EQ(crypto_test::to_hex(features_tag(config, master)),
              "f59c44ff0dcb7ad71bd23175255e7941c007bf5814f569165179b274d4c03454");
}

TEST_F(KeySlots, HostileParametersAreRefusedAndDoNotPassForAWrongPassword) {
    vault.config.slots[0].kdf.memory_bytes = std::uint64_t{1} << 40;
    EXPECT_EQ(code_of([&] { (void)unlock(vault.config, password("first")); }), std::errc::invalid_argument);
    vault.config.slots[0].kdf = {.ops = UINT64_MAX, .memory_bytes = 8192};
    EXPECT_EQ(code_of([&] { (void)unlock(vault.config, password("first")); }), std::errc::invalid_argument);
}

TEST_F(KeySlots, ASlotThatCannotBeTriedDoesNotHideAnotherThatOpens) {
    add_slot(vault.config, vault.master, password("second"), fast);
    vault.config.slots[0].kdf.memory_bytes = std::uint64_t{1} << 40;
    EXPECT_EQ(unlock(vault.config, password("second")).slot_id, 1u);
}

// Made by an independent program (Argon2id and ChaCha20-Poly1305 of Python's "cryptography" package,
// HChaCha20 written out, the associated data as docs/security.md has it). It must open for ever: a failure
// here means that existing vaults do not.
constexpr std::string_view version_1_config = R"({
  "format": "demofs",
  "format_version": 1,
  "vault_id": "404142434445464748494a4b4c4d4e4f",
  "cipher": "aes-256-gcm",
  "created": "2025-01-31T12:00:00Z",
  "features": [],
  "features_tag": "50011b0c27257e89aafdc234c2042c147697e48335a14843d519ec7facd5c53d",
  "key_slots": [
    {
      "id": 3,
      "kdf": "argon2id",
      "ops": 2,
      "memory_bytes": 16384,
      "salt": "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
      "nonce": "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7",
      "wrapped_key": "e0003173df246e77c4d2a3c03b2ba5feacd4e68e1e1bd86d7849b07375e88fc202423f106fb6e3c511080e6104335268"
    }
  ]
}
)";

TEST(KeySlotFormat, AVersion1ConfigurationByAnotherImplementationOpens) {
    const VaultConfig config = from_json(version_1_config);
    const UnlockedVault unlocked = unlock(config, password("p\xC3\xA4ssword"));
    EXPECT_EQ(unlocked.slot_id, 3u);
    EXPECT_EQ(crypto_test::to_hex(unlocked.master.secret().bytes()),
              "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    EXPECT_EQ(to_json(config), version_1_config);
}

}  // namespace
}  // namespace demofs::crypto
