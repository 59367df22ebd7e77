// Sealing and opening from several threads, and what the threads' contexts hold afterwards.

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include "demofs/crypto/aead.hpp"
#include "demofs/crypto/cipher_context.hpp"
#include "demofs/crypto/nonce.hpp"
#include "tests/unit/crypto/hex.hpp"

namespace demofs::crypto {
namespace {

using detail::CipherContext;

// Seals and opens one block under `key`; true if it came back whole.
bool round_trip(const AeadKey& key, std::uint64_t offset) {
    const Bytes plain(static_cast<std::size_t>(64 + offset % 100), static_cast<std::byte>(offset));
    const Nonce nonce = nonce_for(offset, Part::payload);
    Bytes sealed(plain.size() + tag_bytes);
    seal(key, nonce, {}, plain, sealed);
    Bytes opened(plain.size());
    return open(key, nonce, {}, sealed, opened) && opened == plain;
}

TEST(AeadThreads, SharedKeysWorkFromManyThreadsAtOnce) {
    const AeadKey aes(Cipher::aes_256_gcm, crypto_test::counting<32>(1));
    const AeadKey chacha(Cipher::chacha20_poly1305, crypto_test::counting<32>(2));
    std::atomic<unsigned> failures{0};
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&, thread] {
                for (std::uint64_t i = 0; i < 300; ++i)
                    if (!round_trip(i % 3 == 0 ? chacha : aes, thread * 1000 + i)) ++failures;
            });
        }
    }
    EXPECT_EQ(failures, 0u);
}

TEST(AeadThreads, KeysMayBeDestroyedWhileOtherThreadsWork) {
    std::atomic<unsigned> failures{0};
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&failures, thread] {
                for (std::uint64_t i = 0; i < 300; ++i) {
                    const AeadKey brief(Cipher::aes_256_gcm,
                                        crypto_test::counting<32>(static_cast<unsigned>(i)));
                    if (!round_trip(brief, thread * 1000 + i)) ++failures;
                }
            });
        }
    }
    EXPECT_EQ(failures, 0u);
}

TEST(AeadThreads, ADestroyedKeyIsWipedFromEveryThreadsContext) {
    constexpr int thread_count = 3;
    std::optional<AeadKey> key(std::in_place, Cipher::aes_256_gcm, crypto_test::counting<32>(1));
    const AeadKey another(Cipher::aes_256_gcm, crypto_test::counting<32>(9));
    const std::uint64_t id = key->id();
    std::latch used(thread_count);
    std::latch destroyed(1);
    std::atomic<unsigned> failures{0};
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < thread_count; ++thread) {
        threads.emplace_back([&] {
            if (!round_trip(*key, 1)) ++failures;
            used.count_down();
            destroyed.wait();
            if (!round_trip(another, 2)) ++failures;  // a wiped context works again
        });
    }
    used.wait();
    EXPECT_EQ(CipherContext::count_holding(id), 3u);
    std::optional<AeadKey> copy = key;
    key.reset();
    EXPECT_EQ(CipherContext::count_holding(id), 3u) << "a copy keeps the key alive";
    copy.reset();
    EXPECT_EQ(CipherContext::count_holding(id), 0u);
    destroyed.count_down();
    threads.clear();
    EXPECT_EQ(failures, 0u);
}

TEST(AeadThreads, AnEndedThreadLeavesNoContextBehind) {
    const AeadKey key(Cipher::chacha20_poly1305, crypto_test::counting<32>(1));
    std::jthread([&] { EXPECT_TRUE(round_trip(key, 1)); }).join();
    EXPECT_EQ(CipherContext::count_holding(key.id()), 0u);
}

}  // namespace
}  // namespace demofs::crypto
