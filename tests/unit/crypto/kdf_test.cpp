#include "demofs/crypto/kdf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "demofs/base/error.hpp"
#include "tests/unit/crypto/hex.hpp"

namespace demofs::crypto {
namespace {

using crypto_test::counting;
using crypto_test::from_hex;
using crypto_test::to_hex;
using testing::HasSubstr;

TEST(Hkdf, Rfc5869Case1) {
    EXPECT_EQ(
        to_hex(hkdf_sha256(Bytes(22, std::byte{0x0b}), counting<13>(0), counting<10>(0xf0), 42).bytes()),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

TEST(Hkdf, Rfc5869Case2LongInputs) {
    EXPECT_EQ(
        to_hex(hkdf_sha256(counting<80>(0), counting<80>(0x60), counting<80>(0xb0), 82).bytes()),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

TEST(Hkdf, Rfc5869Case3WithoutSaltAndInfo) {
    EXPECT_EQ(to_hex(hkdf_sha256(Bytes(22, std::byte{0x0b}), {}, {}, 42).bytes()),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Derive, IsHkdfOverLabelZeroContext) {
    const auto master = SecretBytes::copy_of(counting<32>(0));
    Bytes info = from_hex("6c6162656c00");  // "label", zero
    const auto context = counting<4>(7);
    info.insert(info.end(), context.begin(), context.end());
    EXPECT_TRUE(derive(master, "label", context, 32) == hkdf_sha256(master.bytes(), {}, info, 32));
}

TEST(Derive, DiffersByLabelAndByContext) {
    const auto master = SecretBytes::random(32);
    const auto key = derive(master, "one", counting<4>(1), 32);
    EXPECT_FALSE(key == derive(master, "two", counting<4>(1), 32));
    EXPECT_FALSE(key == derive(master, "one", counting<4>(2), 32));
    EXPECT_FALSE(key == derive(SecretBytes::random(32), "one", counting<4>(1), 32));
    EXPECT_TRUE(key == derive(master, "one", counting<4>(1), 32));
}

TEST(Derive, RefusesALabelThatCouldBeMistakenForAContext) {
    EXPECT_THROW((void)derive(SecretBytes(32), std::string_view("a\0b", 3), {}, 32), std::logic_error);
}

// Expected values computed by the Argon2 of Python's "cryptography" package, which shares no code with
// libsodium.
TEST(Argon2id, AgreesWithAnotherImplementation) {
    const auto password = Password::copy_of("correct horse battery staple");
    EXPECT_EQ(to_hex(derive_from_password(password, counting<16>(0), {3, 64 * 1024}, 32).bytes()),
              "bc240e180a205bd2e782cdc64983f247e76aeb8fb2133aec1570b70cccd68bff");
    EXPECT_EQ(to_hex(derive_from_password(password, counting<16>(0), {1, 8 * 1024}, 16).bytes()),
              "e4b81c6ee75f9111eabe5c98e378846f");
    EXPECT_EQ(to_hex(derive_from_password(password, counting<16>(0), {2, 64 * 1024 * 1024}, 32).bytes()),
              "c05ce4c4dd7e0e45ee6011cc59d068ade47df1b01fc0cf9cd4678bdf68a5b7b0");
}

TEST(Argon2id, DiffersBySaltAndByPasswordAndTakesAnEmptyOne) {
    const KdfParameters fast = KdfParameters::weakest_for_tests();
    const auto key = derive_from_password(Password::copy_of("a"), counting<16>(0), fast, 32);
    EXPECT_FALSE(key == derive_from_password(Password::copy_of("a"), counting<16>(1), fast, 32));
    EXPECT_FALSE(key == derive_from_password(Password::copy_of("b"), counting<16>(0), fast, 32));
    EXPECT_FALSE(key == derive_from_password(Password(), counting<16>(0), fast, 32));
}

std::string refusal_of(const KdfParameters& parameters) {
    try {
        (void)derive_from_password(Password::copy_of("x"), counting<16>(0), parameters, 32);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), std::errc::invalid_argument);
        return error.what();
    }
    return "not refused";
}

TEST(Argon2id, RefusesHostileParametersBeforeUsingThem) {
    const std::uint64_t mebibyte = 1024 * 1024;
    EXPECT_THAT(refusal_of({1, 1024 * mebibyte + 1}), HasSubstr("memory_bytes is 1073741825"));
    EXPECT_THAT(refusal_of({1, UINT64_MAX}), HasSubstr("memory_bytes"));
    EXPECT_THAT(refusal_of({1, 8191}), HasSubstr("memory_bytes is 8191"));
    EXPECT_THAT(refusal_of({1, 0}), HasSubstr("memory_bytes"));
    EXPECT_THAT(refusal_of({0, mebibyte}), HasSubstr("ops is 0"));
    EXPECT_THAT(refusal_of({33, mebibyte}), HasSubstr("ops is 33"));
    EXPECT_THAT(refusal_of({UINT64_MAX, mebibyte}), HasSubstr("ops"));
}

TEST(Argon2id, WhatIsChosenWithoutMeasuringIsWithinTheLimits) {
    EXPECT_NO_THROW(check_kdf_parameters(KdfParameters::for_random_secrets()));
    EXPECT_NO_THROW(check_kdf_parameters(KdfParameters::weakest_for_tests()));
}

}  // namespace
}  // namespace demofs::crypto
