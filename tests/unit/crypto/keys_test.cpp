// The pinned values are computed from the table in keys.hpp by an independent program (HKDF and SipHash
// written out in Python, AES by the openssl command). A failure here means that existing vaults cannot be
// read any more.

#include "demofs/crypto/keys.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/unit/crypto/hex.hpp"

namespace demofs::crypto {
namespace {

using crypto_test::counting;
using crypto_test::from_hex;
using crypto_test::to_hex;

class Keys : public testing::Test {
  protected:
    static MasterKey master() { return MasterKey(SecretBytes::copy_of(counting<32>(0))); }
    VaultId vault_id = counting<16>(0x40);
    std::array<std::byte, 16> segment_id = counting<16>(0x60);
    VaultKeys keys{master(), vault_id, Cipher::aes_256_gcm};

    // Whether two keys are the same bytes: what one seals the other opens.
    static bool same(const AeadKey& a, const AeadKey& b) {
        if (a.cipher() != b.cipher()) return false;
        Bytes sealed(tag_bytes);
        seal(a, Nonce{}, {}, {}, sealed);
        return open(b, Nonce{}, {}, sealed, {});
    }
};

TEST_F(Keys, SegmentKeysArePinned) {
    EXPECT_TRUE(same(keys.segment_key(Cipher::aes_256_gcm, segment_id),
                     AeadKey(Cipher::aes_256_gcm,
                             from_hex("c63a340af2e93a587d18dc1f88b14877d639ab0a6f713da71af46bb5702db6dc"))));
    EXPECT_TRUE(same(keys.segment_key(Cipher::chacha20_poly1305, segment_id),
                     AeadKey(Cipher::chacha20_poly1305,
                             from_hex("95717c83d7ea38131da4aba9377ede25361094e5964947347f581b76dbbf5f88"))));
}

TEST_F(Keys, HeaderKeysArePinned) {
    EXPECT_TRUE(same(keys.header_key(segment_id),
                     AeadKey(Cipher::aes_256_gcm,
                             from_hex("673563234113ea8fe8f185b952e432d4ad54d59bca7343dd712fbe4f51a48c1d"))));
    const VaultKeys chacha(master(), vault_id, Cipher::chacha20_poly1305);
    EXPECT_TRUE(same(chacha.header_key(segment_id),
                     AeadKey(Cipher::chacha20_poly1305,
                             from_hex("6c49ed96bb68a9eb8d236af0333bf91e71375c767fcde9f802ae260682e7a98f"))));
}

TEST_F(Keys, SegmentNamesArePinned) {
    EXPECT_EQ(to_hex(keys.encrypt_name(segment_id)), "41d9fce7ba129a5b0286313eeb0d9abf");
}

TEST_F(Keys, FileNameHashesArePinned) {
    EXPECT_EQ(to_hex(keys.directory_hash_key()), "1f467cbeb897dd8553ab9ad32b3f164d");
    EXPECT_EQ(keys.siphash(as_bytes("hello.txt")), 0xb01aec5e0019cdd5u);
    EXPECT_EQ(keys.siphash({}), 0x86571c25f206d209u);
}

TEST_F(Keys, EverySegmentVaultAndCipherHasItsOwnKey) {
    const AeadKey key = keys.segment_key(Cipher::aes_256_gcm, segment_id);
    EXPECT_TRUE(same(key, keys.segment_key(Cipher::aes_256_gcm, segment_id)));
    EXPECT_FALSE(same(key, keys.segment_key(Cipher::aes_256_gcm, counting<16>(0x61))));
    EXPECT_FALSE(same(key, keys.header_key(segment_id)));
    const VaultKeys other_vault(master(), counting<16>(0x41), Cipher::aes_256_gcm);
    EXPECT_FALSE(same(key, other_vault.segment_key(Cipher::aes_256_gcm, segment_id)));
    const VaultKeys other_master(MasterKey::random(), vault_id, Cipher::aes_256_gcm);
    EXPECT_FALSE(same(key, other_master.segment_key(Cipher::aes_256_gcm, segment_id)));
}

TEST_F(Keys, NamesDecryptToWhatWasEncrypted) {
    for (unsigned i = 0; i < 100; ++i) {
        const auto plain = counting<16>(i);
        const auto name = keys.encrypt_name(plain);
        EXPECT_NE(name, plain);
        EXPECT_EQ(keys.decrypt_name(name), plain);
    }
}

TEST_F(Keys, AnotherVaultsNamesDecryptToSomethingElse) {
    const VaultKeys other(master(), counting<16>(0x41), Cipher::aes_256_gcm);
    EXPECT_NE(other.decrypt_name(keys.encrypt_name(segment_id)), segment_id);
}

TEST_F(Keys, IdsOfAnotherSizeAreRefused) {
    EXPECT_THROW((void)keys.segment_key(Cipher::aes_256_gcm, counting<15>(0)), std::logic_error);
    EXPECT_THROW((void)keys.header_key(counting<17>(0)), std::logic_error);
}

TEST(MasterKey, MustHave32Bytes) {
    EXPECT_THROW(MasterKey(SecretBytes(31)), std::logic_error);
    EXPECT_FALSE(MasterKey::random() == MasterKey::random());
}

}  // namespace
}  // namespace demofs::crypto
