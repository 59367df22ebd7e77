// The vault's public description: demofs.json, as values and as text. How its key slots are made and opened
// is told in key_slots.hpp.
//
// Threads: free functions on values.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "demofs/crypto/aead.hpp"
#include "demofs/crypto/kdf.hpp"
#include "demofs/crypto/keys.hpp"

namespace demofs::crypto {

inline constexpr std::uint32_t vault_format_version = 1;

/// An attacker who can write the file can make unlocking cost at most this many derivations.
inline constexpr std::size_t max_key_slots = 8;

inline constexpr std::size_t slot_nonce_bytes = 24;

/// A pseudorandom function of the vault's id and the list of its features, under the master key.
using FeaturesTag = std::array<std::byte, 32>;

/// What opens a slot.
enum class SlotType { password, key_file, recovery_key };

/// "password", "key-file", "recovery-key": on-disk constants.
[[nodiscard]] std::string_view name_of(SlotType type) noexcept;

/// What a slot tells of itself; authenticated together with the key in it.
struct SlotDescription {
    SlotType type = SlotType::password;
    std::chrono::sys_seconds created{};
    std::string name;  ///< for people, may be empty; see is_slot_name

    friend bool operator==(const SlotDescription&, const SlotDescription&) = default;
};

/// One way to the master key: XChaCha20-Poly1305 under Argon2id(secret, salt).
struct KeySlot {
    std::uint32_t id = 0;
    /// None: written before slots had one. It takes a password then, and was made with the vault.
    std::optional<SlotDescription> description;
    KdfParameters kdf;
    std::array<std::byte, kdf_salt_bytes> salt{};
    std::array<std::byte, slot_nonce_bytes> nonce{};
    std::array<std::byte, master_key_bytes + tag_bytes> wrapped_key{};

    [[nodiscard]] SlotType type() const noexcept {
        return description ? description->type : SlotType::password;
    }
    friend bool operator==(const KeySlot&, const KeySlot&) = default;
};

/// A slot of a kind that this program does not know: it is kept as it is and never opened.
struct ForeignSlot {
    std::uint32_t id = 0;
    std::string kind;  ///< its type, or the key derivation that is not known: small letters, digits, hyphens
    std::string json;

    friend bool operator==(const ForeignSlot&, const ForeignSlot&) = default;
};

struct VaultConfig {
    VaultId vault_id{};
    Cipher cipher = Cipher::aes_256_gcm;
    std::chrono::sys_seconds created{};
    /// What a reader must understand beyond the format version; ascending. None is defined yet.
    std::vector<std::string> features;
    FeaturesTag features_tag{};  ///< who knows the master key made the list
    std::vector<KeySlot> slots;  ///< never empty
    std::vector<ForeignSlot> foreign_slots;

    friend bool operator==(const VaultConfig&, const VaultConfig&) = default;
};

/// Whether a slot may have this name: at most 64 bytes of UTF-8 without control characters.
[[nodiscard]] bool is_slot_name(std::string_view name);

/// The text of demofs.json: indented, newline at the end.
[[nodiscard]] std::string to_json(const VaultConfig& config);

/// Strict: every field must be there, of its type and within its limits, and no other may be; the error names
/// the field. Only slots of an unknown type or key derivation may look as they like, if there is one of a
/// known kind as well. Throws Errc::not_a_vault if this is no demofs.json at all, Errc::unsupported_format
/// (saying which version it needs, which feature, or which kind of slot) if it is one that this program
/// cannot read, Errc::corrupt for anything else.
[[nodiscard]] VaultConfig from_json(std::string_view text);

}  // namespace demofs::crypto
