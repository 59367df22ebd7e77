#include "demofs/crypto/secret.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace demofs::crypto {
namespace {

TEST(SecretBytes, StartsOutAsZeros) {
    const SecretBytes secret(64);
    EXPECT_EQ(secret.size(), 64u);
    EXPECT_TRUE(std::ranges::all_of(secret.bytes(), [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(SecretBytes, HoldsACopyOfWhatItIsGiven) {
    const auto secret = SecretBytes::copy_of("open sesame");
    EXPECT_EQ(as_text(secret.bytes()), "open sesame");
}

TEST(SecretBytes, MovesLeaveTheSourceEmpty) {
    auto first = SecretBytes::copy_of("secret");
    const std::byte* const address = first.bytes().data();
    SecretBytes second = std::move(first);
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is the question
    EXPECT_EQ(second.bytes().data(), address) << "a move must not leave a second copy";
    SecretBytes third(8);
    third = std::move(second);
    EXPECT_EQ(as_text(third.bytes()), "secret");
    EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(SecretBytes, ACloneIsEqualAndIndependent) {
    auto original = SecretBytes::copy_of("secret");
    SecretBytes clone = original.clone();
    EXPECT_TRUE(clone == original);
    clone.mutable_bytes()[0] = std::byte{'S'};
    EXPECT_FALSE(clone == original);
    EXPECT_EQ(as_text(original.bytes()), "secret");
}

TEST(SecretBytes, EqualityNeedsEqualSizesAndEveryByte) {
    EXPECT_TRUE(SecretBytes() == SecretBytes(0));
    EXPECT_FALSE(SecretBytes(1) == SecretBytes(2));
    const auto reference = SecretBytes::random(32);
    for (std::size_t i = 0; i < reference.size(); ++i) {
        SecretBytes other = reference.clone();
        other.mutable_bytes()[i] ^= std::byte{1};
        EXPECT_FALSE(other == reference) << "byte " << i;
    }
}

TEST(SecretBytes, TruncationWipesWhatItCutsOff) {
    auto secret = SecretBytes::copy_of("password\n");
    const MutableByteSpan all = secret.mutable_bytes();
    secret.truncate(4);
    EXPECT_EQ(as_text(secret.bytes()), "pass");
    for (std::size_t i = 4; i < all.size(); ++i) EXPECT_EQ(all[i], std::byte{0}) << "byte " << i;
    secret.truncate(100);
    EXPECT_EQ(secret.size(), 4u);
}

TEST(SecretBytes, RandomSecretsDiffer) {
    EXPECT_FALSE(SecretBytes::random(32) == SecretBytes::random(32));
}

TEST(SecretBytesDeathTest, MemoryIsGoneAfterDestruction) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            const volatile std::byte* where = nullptr;
            {
                const auto secret = SecretBytes::copy_of("secret");
                where = secret.bytes().data();
            }
            _exit(where[0] == std::byte{'s'} ? 0 : 1);  // unmapped: the read itself must kill the process
        },
        "");
}

TEST(SecretBytesDeathTest, WritingPastTheEndKillsTheProcess) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            SecretBytes secret(16);
            volatile std::byte* bytes = secret.mutable_bytes().data();
            bytes[16] = std::byte{1};
            _exit(0);
        },
        "");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

// Ends the process with 0 if a secret that cannot be locked still works and says that it is not locked.
void use_a_secret_without_locked_memory() {
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) _exit(2);
    if (geteuid() == 0 && seteuid(65534) != 0) _exit(3);  // root may lock without limit
    const std::uint64_t before = unlocked_secret_count();
    const auto secret = SecretBytes::copy_of("secret");
    const bool told = !secret.locked() && unlocked_secret_count() == before + 1;
    _exit(told && as_text(secret.bytes()) == "secret" ? 0 : 1);
}

TEST(SecretBytesDeathTest, WorksAndTellsWhenMemoryCannotBeLocked) {
    if (sanitized) GTEST_SKIP() << "the sanitizers turn mlock into nothing";
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(use_a_secret_without_locked_memory(), testing::ExitedWithCode(0), "");
}

TEST(WipedArray, DestructionOverwritesTheBytes) {
    using Key = WipedArray<32>;
    alignas(Key) std::array<std::byte, sizeof(Key)> memory{};
    auto* key = new (memory.data()) Key;
    std::ranges::fill(key->mutable_bytes(), std::byte{0xA5});
    const volatile std::byte* bytes = memory.data();
    ASSERT_TRUE(bytes[31] == std::byte{0xA5});
    key->~Key();
    for (std::size_t i = 0; i < memory.size(); ++i) EXPECT_TRUE(bytes[i] == std::byte{0}) << "byte " << i;
}

}  // namespace
}  // namespace demofs::crypto
