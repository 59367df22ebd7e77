// Authenticated encryption with associated data (AEAD) for blocks: AES-256-GCM or ChaCha20-Poly1305 by
// OpenSSL.
//
// Threads: every function may be called from any thread at any time; an AeadKey may be shared by all of them.
// Invariants: a (key, nonce) pair seals at most one plaintext; keeping that promise is the caller's part
// (nonce.hpp helps). A failed open leaves no plaintext behind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "demofs/base/bytes.hpp"

namespace demofs::crypto {

/// The AEADs a vault may use. Never renumber.
enum class Cipher : std::uint8_t { aes_256_gcm = 1, chacha20_poly1305 = 2 };

/// "aes-256-gcm" or "chacha20-poly1305": the spelling in demofs.json, in key derivation and on the command
/// line.
[[nodiscard]] std::string_view cipher_name(Cipher cipher) noexcept;

/// The inverse of cipher_name; nothing for a name that is not known.
[[nodiscard]] std::optional<Cipher> cipher_from_name(std::string_view name) noexcept;

inline constexpr std::size_t aead_key_bytes = 32;
inline constexpr std::size_t nonce_bytes = 12;
inline constexpr std::size_t tag_bytes = 16;

using Nonce = std::array<std::byte, nonce_bytes>;

/// A cipher and its 256-bit key. A copy is one reference count; the key itself is wiped when the last copy
/// goes, together with every thread's prepared cipher state for it (see cipher_context.hpp).
class AeadKey {
  public:
    /// Copies `key`, which must be aead_key_bytes long (std::logic_error otherwise).
    AeadKey(Cipher cipher, ByteSpan key);

    [[nodiscard]] Cipher cipher() const noexcept;

    /// Unique in this process, never reused: two keys are the same object's copies exactly if their ids are
    /// equal.
    [[nodiscard]] std::uint64_t id() const noexcept;

    struct State;
    [[nodiscard]] const State& state() const noexcept { return *state_; }

  private:
    std::shared_ptr<const State> state_;
};

/// Encrypts `plain` into `cipher_and_tag`, which must be exactly tag_bytes longer.
///
/// `aad` is authenticated but not stored. In place is allowed: `cipher_and_tag` may begin at the same address
/// as `plain`; any other overlap is not. Throws std::logic_error on wrong sizes, Error on a failure of the
/// library; then the contents of `cipher_and_tag` are unspecified.
void seal(const AeadKey& key, const Nonce& nonce, ByteSpan aad, ByteSpan plain,
          MutableByteSpan cipher_and_tag);

/// Decrypts and verifies; false means not authentic (flipped, truncated, other place, other key), and `plain`
/// is wiped.
///
/// `plain` must be exactly tag_bytes shorter than `cipher_and_tag` (an input shorter than a tag is not
/// authentic). In place is allowed as in seal. Throws std::logic_error on wrong sizes, Error on a failure of
/// the library.
[[nodiscard]] bool open(const AeadKey& key, const Nonce& nonce, ByteSpan aad, ByteSpan cipher_and_tag,
                        MutableByteSpan plain);

}  // namespace demofs::crypto
