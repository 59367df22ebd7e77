// One prepared OpenSSL cipher context per thread, reused from block to block.
//
// Problem: preparing a context costs about as much as encrypting 1–3 KiB (500–870 ns; a new key 170 ns; a new
// nonce alone 125 ns). So each thread keeps one, remembers which key is loaded in it, and loads only what
// differs. But a context holds the key's expanded form, and an idle thread would keep that of a key which is
// long gone.
//
// Rule: when the last copy of an AeadKey is destroyed, every thread's context that holds it is wiped before
// the destructor returns. A thread that ends wipes its own. So the key material lives exactly as long as the
// key.
//
// Threads: each thread's slot has a one-bit lock, taken by its owner for one operation (uncontended: two
// atomic operations) and by the destroyer of a key. The destroyer never waits: a slot that is busy is busy
// with another key (a key in use is not being destroyed), and has replaced or is about to replace the dead
// one.
#pragma once

#include <openssl/evp.h>

#include <atomic>
#include <cstdint>

#include "demofs/crypto/aead.hpp"

namespace demofs::crypto::detail {

enum class Direction : std::uint8_t { seal, open };

class CipherContext {
  public:
    CipherContext(const CipherContext&) = delete;
    CipherContext& operator=(const CipherContext&) = delete;

    /// Exclusive use of the calling thread's context, with key, nonce and direction loaded; released on
    /// destruction.
    class Lease {
      public:
        Lease(const AeadKey& key, const Nonce& nonce, Direction direction);
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease();
        [[nodiscard]] EVP_CIPHER_CTX* get() const noexcept;

      private:
        CipherContext& context_;
    };

    /// Wipes every thread's context that holds this key. Called when its last copy is destroyed.
    static void forget_key_everywhere(std::uint64_t key_id) noexcept;

    /// How many threads' contexts hold this key now (for tests).
    [[nodiscard]] static std::size_t count_holding(std::uint64_t key_id) noexcept;

  private:
    CipherContext();
    ~CipherContext();
    static CipherContext& of_this_thread();
    void load(const AeadKey& key, const Nonce& nonce, Direction direction);
    void reset() noexcept;

    EVP_CIPHER_CTX* context_;
    const EVP_CIPHER* cipher_ = nullptr;    // the cipher set in context_; null when it must be set again
    std::atomic<std::uint64_t> key_id_{0};  // the key loaded in context_; 0 = none. Written under busy_ only
    std::atomic<bool> busy_{false};         // acquire to enter, release to leave: orders all use of context_
};

}  // namespace demofs::crypto::detail
