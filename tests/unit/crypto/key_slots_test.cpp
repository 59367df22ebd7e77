#include "demofs/crypto/key_slots.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "demofs/base/error.hpp"
#include "demofs/crypto/recovery_key.hpp"
#include "tests/unit/crypto/hex.hpp"

namespace demofs::crypto {
namespace {

const KdfParameters fast = KdfParameters::weakest_for_tests();

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Credential password(std::string_view text) {
    return {SlotType::password, Password::copy_of(text)};
}

Credential key_file(std::string_view secret) {
    return {SlotType::key_file, SecretBytes::copy_of(secret)};
}

NewKey made_of(Credential credential, const std::string& name = "") {
    return {std::move(credential), name, fast};
}

NewKey key(std::string_view text) {
    return made_of(password(text));
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
    NewVault vault = create(key("first"), Cipher::aes_256_gcm);

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
    const NewVault other = create(key("first"), Cipher::aes_256_gcm);
    EXPECT_NE(other.config.vault_id, vault.config.vault_id);
    EXPECT_FALSE(other.master == vault.master);
    EXPECT_NE(other.config.slots[0].salt, vault.config.slots[0].salt);
    EXPECT_NE(other.config.slots[0].nonce, vault.config.slots[0].nonce);
}

TEST_F(KeySlots, AnEmptyPasswordIsRefused) {
    EXPECT_EQ(code_of([] { (void)create(key(""), Cipher::aes_256_gcm); }), std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { add_slot(vault.config, vault.master, key("")); }), std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { replace_slot(vault.config, 0, vault.master, key("")); }),
              std::errc::invalid_argument);
    EXPECT_EQ(vault.config.slots.size(), 1u);
    EXPECT_TRUE(opens_with("first"));
}

TEST_F(KeySlots, EverySlotOpensTheVault) {
    EXPECT_EQ(add_slot(vault.config, vault.master, key("second")), 1u);
    EXPECT_EQ(add_slot(vault.config, vault.master, key("third")), 2u);
    EXPECT_TRUE(opens_with("first"));
    EXPECT_TRUE(opens_with("second"));
    EXPECT_TRUE(opens_with("third"));
    EXPECT_EQ(unlock(vault.config, password("second")).slot_id, 1u);
    EXPECT_FALSE(opens_with("fourth"));
}

TEST_F(KeySlots, ARemovedSlotOpensNoMoreAndItsIdIsUsedAgain) {
    add_slot(vault.config, vault.master, key("second"));
    remove_slot(vault.config, 0);
    EXPECT_FALSE(opens_with("first"));
    EXPECT_TRUE(opens_with("second"));
    EXPECT_EQ(add_slot(vault.config, vault.master, key("third")), 0u);
}

TEST_F(KeySlots, TheLastSlotAndUnknownSlotsCannotBeRemoved) {
    EXPECT_EQ(code_of([&] { remove_slot(vault.config, 0); }), std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { remove_slot(vault.config, 7); }), std::errc::invalid_argument);
    EXPECT_TRUE(opens_with("first"));
}

TEST_F(KeySlots, ThereIsALimitToTheNumberOfSlots) {
    for (std::size_t i = 1; i < max_key_slots; ++i) add_slot(vault.config, vault.master, key("more"));
    EXPECT_EQ(code_of([&] { add_slot(vault.config, vault.master, key("too many")); }),
              std::errc::invalid_argument);
    EXPECT_EQ(vault.config.slots.size(), max_key_slots);
}

TEST_F(KeySlots, AReplacedSlotKeepsItsIdAndItsOldPasswordOpensNoMore) {
    add_slot(vault.config, vault.master, key("second"));
    const KeySlot before = vault.config.slots[1];
    replace_slot(vault.config, 1, vault.master, key("new"));
    EXPECT_FALSE(opens_with("second"));
    EXPECT_TRUE(opens_with("new"));
    EXPECT_TRUE(opens_with("first"));
    EXPECT_EQ(unlock(vault.config, password("new")).slot_id, 1u);
    EXPECT_NE(vault.config.slots[1].salt, before.salt);
    EXPECT_NE(vault.config.slots[1].nonce, before.nonce);
}

TEST_F(KeySlots, ASlotThatIsNotThereCannotBeReplaced) {
    const VaultConfig before = vault.config;
    EXPECT_EQ(code_of([&] { replace_slot(vault.config, 7, vault.master, key("new")); }),
              std::errc::invalid_argument);
    EXPECT_EQ(vault.config, before);
}

TEST_F(KeySlots, ANameThatIsNoneIsRefused) {
    for (const char* name : {"two\nlines", "\x1b[31mred", "\xff", "\xc2\x9b", "\x7f"})
        EXPECT_EQ(code_of([&] { add_slot(vault.config, vault.master, made_of(password("x"), name)); }),
                  std::errc::invalid_argument)
            << name;
    EXPECT_EQ(
        code_of([&] { add_slot(vault.config, vault.master, made_of(password("x"), std::string(65, 'x'))); }),
        std::errc::invalid_argument);
    EXPECT_EQ(vault.config.slots.size(), 1u);
    add_slot(vault.config, vault.master, made_of(password("x"), "B\xc3\xbcro \"2\""));
    EXPECT_TRUE(opens_with("x"));
}

TEST_F(KeySlots, EachKindOfKeyOpensSlotsOfItsKindOnly) {
    const Credential file{SlotType::key_file, SecretBytes::copy_of("first")};
    EXPECT_EQ(code_of([&] { (void)unlock(vault.config, file); }), Errc::wrong_password);
    add_slot(vault.config, vault.master, made_of(key_file("the hash of a file")));
    EXPECT_EQ(unlock(vault.config, key_file("the hash of a file")).slot_id, 1u);
    EXPECT_FALSE(opens_with("the hash of a file"));
}

class RecoverySlot : public KeySlots {
  protected:
    const SecretBytes recovery = random_recovery_key();
    const SecretBytes words = recovery_key_text(recovery);
    const std::uint32_t id =
        add_slot(vault.config, vault.master, made_of({SlotType::recovery_key, recovery.clone()}));

    [[nodiscard]] std::string text() const { return std::string(as_text(words.bytes())); }
    [[nodiscard]] std::string refusal_of(std::string_view typed) const {
        try {
            (void)unlock(vault.config, password(typed));
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::wrong_password);
            return error.what();
        }
        return "opened";
    }
};

TEST_F(RecoverySlot, OpensWithItsWordsInPlaceOfAPassword) {
    EXPECT_EQ(unlock(vault.config, password(text())).slot_id, id);
    EXPECT_TRUE(opens_with(text()));
    EXPECT_TRUE(opens_with("first"));
    std::string shouted = "1. " + text();
    std::ranges::transform(shouted, shouted.begin(),
                           [](unsigned char c) { return c == ' ' ? '-' : std::toupper(c); });
    EXPECT_TRUE(opens_with(shouted));
}

TEST_F(RecoverySlot, TellsWhereAMistypedKeyIsWrong) {
    std::string typed = text();
    typed.replace(0, typed.find(' '), "qqqq");
    EXPECT_THAT(refusal_of(typed), AllOf(HasSubstr("wrong password"), HasSubstr("its word 1 ")));
    EXPECT_THAT(refusal_of(text().substr(0, text().rfind(' '))), HasSubstr("it has 13 words"));
    EXPECT_THAT(refusal_of("first second"), AllOf(HasSubstr("wrong password"), Not(HasSubstr("recovery"))));
}

TEST_F(RecoverySlot, OfAnotherVaultDoesNotOpenThisOne) {
    const SecretBytes other = random_recovery_key();
    const SecretBytes other_words = recovery_key_text(other);
    EXPECT_THAT(refusal_of(as_text(other_words.bytes())), HasSubstr("wrong password"));
}

TEST_F(RecoverySlot, APasswordThatReadsLikeARecoveryKeyStillOpens) {
    const SecretBytes other = random_recovery_key();
    const SecretBytes other_words = recovery_key_text(other);
    const std::string as_password(as_text(other_words.bytes()));
    add_slot(vault.config, vault.master, key(as_password));
    EXPECT_TRUE(opens_with(as_password));
    const std::string mistyped = as_password + " more";
    add_slot(vault.config, vault.master, key(mistyped));
    EXPECT_TRUE(opens_with(mistyped));
}

class UnknownSlots : public KeySlots {
  protected:
    void SetUp() override {
        vault.config.foreign_slots.push_back({1, "tpm2", R"({"id":1,"type":"tpm2","blob":"00"})"});
    }
};

TEST_F(UnknownSlots, AreSkippedIfAnotherOpensAndNamedIfNoneDoes) {
    EXPECT_TRUE(opens_with("first"));
    try {
        (void)unlock(vault.config, password("wrong"));
        ADD_FAILURE() << "opened";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::wrong_password);
        EXPECT_THAT(error.what(), HasSubstr("key slot 1 (tpm2) needs a newer demofs"));
    }
}

TEST_F(UnknownSlots, KeepTheirIdsAndCountAsSlots) {
    EXPECT_EQ(add_slot(vault.config, vault.master, key("second")), 2u);
    for (std::size_t i = 3; i < max_key_slots; ++i) add_slot(vault.config, vault.master, key("more"));
    EXPECT_EQ(code_of([&] { add_slot(vault.config, vault.master, key("too many")); }),
              std::errc::invalid_argument);
    EXPECT_EQ(vault.config.foreign_slots.size(), 1u);
}

TEST_F(UnknownSlots, CanBeRemovedButNotReplacedAndDoNotCountAsAWayIn) {
    EXPECT_EQ(code_of([&] { remove_slot(vault.config, 0); }), std::errc::invalid_argument);
    EXPECT_EQ(code_of([&] { replace_slot(vault.config, 1, vault.master, key("new")); }),
              std::errc::invalid_argument);
    remove_slot(vault.config, 1);
    EXPECT_TRUE(vault.config.foreign_slots.empty());
    EXPECT_TRUE(opens_with("first"));
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
    breaks("time",
           [](VaultConfig& config) { config.slots[0].description->created -= std::chrono::seconds(1); });
    breaks("name", [](VaultConfig& config) { config.slots[0].description->name = "x"; });
    breaks("description", [](VaultConfig& config) { config.slots[0].description.reset(); });
    breaks("ops", [](VaultConfig& config) { ++config.slots[0].kdf.ops; });
    breaks("memory", [](VaultConfig& config) { config.slots[0].kdf.memory_bytes += 1024; });
    vault.config = good;
    vault.config.slots[0].description->type = SlotType::key_file;
    EXPECT_EQ(code_of([&] { (void)unlock(vault.config, key_file("first")); }), Errc::wrong_password)
        << "type";
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
    add_slot(vault.config, vault.master, key("second"));
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
