// Key derivation: HKDF-SHA256 from strong keys, Argon2id from passwords.
//
// Threads: free functions without state. derive_from_password blocks for up to seconds and uses up to
// max_memory_bytes: never call it on an executor thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "demofs/base/bytes.hpp"
#include "demofs/crypto/secret.hpp"

namespace demofs::crypto {

/// RFC 5869, extract and expand. An empty salt is the RFC's default. `size` is at most 255 * 32.
[[nodiscard]] SecretBytes hkdf_sha256(ByteSpan key_material, ByteSpan salt, ByteSpan info, std::size_t size);

/// `size` bytes that only who knows `master` can compute, independent for every (label, context).
///
/// HKDF-SHA256 with an empty salt and info = label ‖ 0x00 ‖ context; `label` must not contain a zero byte, so
/// no two pairs have the same info.
[[nodiscard]] SecretBytes derive(const SecretBytes& master, std::string_view label, ByteSpan context,
                                 std::size_t size);

/// What a password guess costs.
struct KdfParameters {
    std::uint64_t ops = 0;           ///< passes over the memory
    std::uint64_t memory_bytes = 0;  ///< memory of one guess

    /// For secrets that nobody can guess anyway: next to no time, and memory that every machine has.
    [[nodiscard]] static KdfParameters for_random_secrets() noexcept;
    /// The least libsodium allows: for tests only, it protects nothing.
    [[nodiscard]] static KdfParameters weakest_for_tests() noexcept;

    friend bool operator==(const KdfParameters&, const KdfParameters&) = default;
};

/// Limits on parameters read from a file that an attacker may have written: without them, a demofs.json could
/// make whoever types a password wait for years or run out of memory.
inline constexpr std::uint64_t kdf_min_ops = 1;
inline constexpr std::uint64_t kdf_max_ops = 32;
inline constexpr std::uint64_t kdf_min_memory_bytes = 8 * 1024;
inline constexpr std::uint64_t kdf_max_memory_bytes = 1024 * 1024 * 1024;
inline constexpr std::size_t kdf_salt_bytes = 16;

/// Throws Error (std::errc::invalid_argument) naming the parameter, its value and the limit it breaks.
void check_kdf_parameters(const KdfParameters& parameters);

/// Argon2id (version 1.3, one lane, as libsodium has it) over the password; `salt` is kdf_salt_bytes long.
/// Checks the parameters first. Throws std::errc::not_enough_memory if the memory cannot be had.
[[nodiscard]] SecretBytes derive_from_password(const Password& password, ByteSpan salt,
                                               const KdfParameters& parameters, std::size_t size);

}  // namespace demofs::crypto
