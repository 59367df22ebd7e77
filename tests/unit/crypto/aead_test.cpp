#include "demofs/crypto/aead.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "demofs/crypto/secret.hpp"
#include "tests/unit/crypto/hex.hpp"

namespace demofs::crypto {
namespace {

using crypto_test::from_hex;
using crypto_test::to_hex;

Nonce nonce_from_hex(std::string_view digits) {
    const Bytes bytes = from_hex(digits);
    Nonce nonce{};
    std::ranges::copy(bytes, nonce.begin());
    return nonce;
}

struct Vector {
    const char* name;
    Cipher cipher;
    std::string key, nonce, aad, plain, sealed;
};

void PrintTo(const Vector& vector, std::ostream* out) {
    *out << vector.name;
}

// GCM: "The Galois/Counter Mode of Operation", McGrew and Viega, appendix B, as NIST uses them. ChaCha20: RFC
// 8439.
const Vector vectors[] = {
    {"GcmCase13_Empty", Cipher::aes_256_gcm, std::string(64, '0'), std::string(24, '0'), "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"GcmCase14_OneBlock", Cipher::aes_256_gcm, std::string(64, '0'), std::string(24, '0'), "",
     std::string(32, '0'), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"GcmCase16_AssociatedData", Cipher::aes_256_gcm,
     "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {"ChaCha20Poly1305_Rfc8439", Cipher::chacha20_poly1305,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
     "50515253c0c1c2c3c4c5c6c7",
     to_hex(as_bytes("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
                     "future, sunscreen would be it.")),
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116"
     "1ae10b594f09e26a7e902ecbd0600691"},
};

class KnownAnswer : public testing::TestWithParam<Vector> {};

TEST_P(KnownAnswer, SealGivesTheVectorAndOpenTakesItBack) {
    const Vector& vector = GetParam();
    const AeadKey key(vector.cipher, from_hex(vector.key));
    const Nonce nonce = nonce_from_hex(vector.nonce);
    const Bytes aad = from_hex(vector.aad);
    const Bytes plain = from_hex(vector.plain);
    Bytes sealed(plain.size() + tag_bytes);
    seal(key, nonce, aad, plain, sealed);
    EXPECT_EQ(to_hex(sealed), vector.sealed);
    Bytes opened(plain.size());
    EXPECT_TRUE(open(key, nonce, aad, sealed, opened));
    EXPECT_EQ(opened, plain);
}

INSTANTIATE_TEST_SUITE_P(Vectors, KnownAnswer, testing::ValuesIn(vectors),
                         [](const auto& test) { return std::string(test.param.name); });

class Aead : public testing::TestWithParam<Cipher> {
  protected:
    AeadKey key{GetParam(), crypto_test::counting<32>(1)};
    Nonce nonce = nonce_from_hex("000102030405060708090a0b");
    Bytes aad = from_hex("11223344");
    Bytes plain = from_hex("00112233445566778899aabbccddeeff0123456789");
    Bytes sealed = seal_with(key, nonce, aad, plain);

    static Bytes seal_with(const AeadKey& with, const Nonce& at, ByteSpan associated, ByteSpan text) {
        Bytes result(text.size() + tag_bytes);
        seal(with, at, associated, text, result);
        return result;
    }

    // Opens and returns what came out; nothing if it was refused, and then checks that nothing leaked.
    static std::optional<Bytes> open_with(const AeadKey& with, const Nonce& at, ByteSpan associated,
                                          ByteSpan text) {
        Bytes result(text.size() < tag_bytes ? 0 : text.size() - tag_bytes, std::byte{0x5A});
        if (open(with, at, associated, text, result)) return result;
        EXPECT_TRUE(std::ranges::all_of(result, [](std::byte byte) { return byte == std::byte{0}; }))
            << "a refused open must leave no plaintext";
        return std::nullopt;
    }
};

TEST_P(Aead, OpensWhatItSealed) {
    EXPECT_EQ(open_with(key, nonce, aad, sealed), plain);
}

TEST_P(Aead, EveryFlippedBitIsNoticed) {
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        Bytes tampered = sealed;
        tampered[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
        EXPECT_EQ(open_with(key, nonce, aad, tampered), std::nullopt) << "bit " << bit;
    }
    EXPECT_EQ(open_with(key, nonce, aad, sealed), plain) << "a refused block must not disturb the next one";
}

TEST_P(Aead, EveryTruncationIsNoticed) {
    for (std::size_t size = 0; size < sealed.size(); ++size)
        EXPECT_EQ(open_with(key, nonce, aad, ByteSpan(sealed).first(size)), std::nullopt) << size << " bytes";
}

TEST_P(Aead, OtherAssociatedDataIsNoticed) {
    Bytes other = aad;
    other.back() ^= std::byte{1};
    EXPECT_EQ(open_with(key, nonce, other, sealed), std::nullopt);
    EXPECT_EQ(open_with(key, nonce, {}, sealed), std::nullopt);
}

TEST_P(Aead, AnotherNonceIsNoticed) {
    for (std::size_t i = 0; i < nonce.size(); ++i) {
        Nonce other = nonce;
        other[i] ^= std::byte{1};
        EXPECT_EQ(open_with(key, other, aad, sealed), std::nullopt) << "byte " << i;
    }
}

TEST_P(Aead, AnotherKeyIsNoticed) {
    const AeadKey other(GetParam(), crypto_test::counting<32>(2));
    EXPECT_EQ(open_with(other, nonce, aad, sealed), std::nullopt);
    EXPECT_EQ(open_with(key, nonce, aad, sealed), plain);
}

TEST_P(Aead, WorksInPlace) {
    Bytes buffer = plain;
    buffer.resize(plain.size() + tag_bytes);
    seal(key, nonce, aad, ByteSpan(buffer).first(plain.size()), buffer);
    EXPECT_EQ(buffer, sealed);
    ASSERT_TRUE(open(key, nonce, aad, buffer, MutableByteSpan(buffer).first(plain.size())));
    buffer.resize(plain.size());
    EXPECT_EQ(buffer, plain);
}

TEST_P(Aead, ARefusedOpenInPlaceLeavesNoPlaintext) {
    Bytes buffer = sealed;
    buffer.back() ^= std::byte{1};
    ASSERT_FALSE(open(key, nonce, aad, buffer, MutableByteSpan(buffer).first(plain.size())));
    EXPECT_EQ(Bytes(buffer.begin(), buffer.end() - tag_bytes), Bytes(plain.size()));
}

TEST_P(Aead, WrongBufferSizesAreRefused) {
    Bytes too_small(plain.size() + tag_bytes - 1);
    EXPECT_THROW(seal(key, nonce, aad, plain, too_small), std::logic_error);
    Bytes too_large(plain.size() + 1);
    EXPECT_THROW((void)open(key, nonce, aad, sealed, too_large), std::logic_error);
}

TEST_P(Aead, EmptyMessageWithEmptyAssociatedDataIsStillAuthenticated) {
    Bytes tag = seal_with(key, nonce, {}, {});
    EXPECT_EQ(open_with(key, nonce, {}, tag), Bytes());
    tag[0] ^= std::byte{1};
    EXPECT_EQ(open_with(key, nonce, {}, tag), std::nullopt);
}

TEST_P(Aead, LargeBlocksRoundTrip) {
    Bytes large(1 << 20);
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::byte>(i * 7);
    EXPECT_EQ(open_with(key, nonce, aad, seal_with(key, nonce, aad, large)), large);
}

TEST_P(Aead, CopiesShareOneIdAndOtherKeysDoNot) {
    const AeadKey copy = key;
    const AeadKey twin(GetParam(), crypto_test::counting<32>(1));
    EXPECT_EQ(copy.id(), key.id());
    EXPECT_NE(twin.id(), key.id());
    EXPECT_EQ(open_with(twin, nonce, aad, sealed), plain) << "the same bytes are the same key";
}

INSTANTIATE_TEST_SUITE_P(Ciphers, Aead, testing::Values(Cipher::aes_256_gcm, Cipher::chacha20_poly1305),
                         [](const auto& test) {
                             return test.param == Cipher::aes_256_gcm ? std::string("Aes256Gcm")
                                                                      : std::string("ChaCha20Poly1305");
                         });

TEST(AeadKey, RefusesAKeyOfAnotherSize) {
    EXPECT_THROW(AeadKey(Cipher::aes_256_gcm, Bytes(16)), std::logic_error);
    EXPECT_THROW(AeadKey(Cipher::aes_256_gcm, Bytes(33)), std::logic_error);
}

TEST(AeadKey, SwitchingBetweenCiphersAndDirectionsOnOneThreadWorks) {
    const AeadKey aes(Cipher::aes_256_gcm, crypto_test::counting<32>(1));
    const AeadKey chacha(Cipher::chacha20_poly1305, crypto_test::counting<32>(1));
    const Bytes plain(100, std::byte{7});
    for (unsigned round = 0; round < 4; ++round) {
        for (const AeadKey* key : {&aes, &chacha}) {
            Nonce nonce{};
            nonce[0] = static_cast<std::byte>(round);
            Bytes sealed(plain.size() + tag_bytes);
            seal(*key, nonce, {}, plain, sealed);
            Bytes opened(plain.size());
            EXPECT_TRUE(open(*key, nonce, {}, sealed, opened));
            EXPECT_EQ(opened, plain);
        }
    }
}

TEST(CipherName, IsTheInverseOfCipherFromName) {
    EXPECT_EQ(cipher_from_name("aes-256-gcm"), Cipher::aes_256_gcm);
    EXPECT_EQ(cipher_from_name("chacha20-poly1305"), Cipher::chacha20_poly1305);
    for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305})
        EXPECT_EQ(cipher_from_name(cipher_name(cipher)), cipher);
    EXPECT_EQ(cipher_from_name("AES-256-GCM"), std::nullopt);
    EXPECT_EQ(cipher_from_name(""), std::nullopt);
}

}  // namespace
}  // namespace demofs::crypto
