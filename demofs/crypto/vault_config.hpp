// The vault's public description (demofs.json) and the key slots in it that turn a password into the master
// key.
//
// Threads: free functions on values; create, unlock, add_slot and replace_password run Argon2id (up to
// seconds, hundreds of MiB) and must not be called on an executor thread. Invariants: the master key appears
// nowhere but wrapped; a slot's associated data binds format version, vault id, cipher, creation time and all
// of the slot's parameters, so a change of any of them makes the slot fail to open. The features are bound by a
// tag of their own, so that one can be added later without the passwords of all slots.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "demofs/crypto/aead.hpp"
#include "demofs/crypto/kdf.hpp"
#include "demofs/crypto/keys.hpp"
#include "demofs/crypto/secret.hpp"

namespace demofs::crypto {

inline constexpr std::uint32_t vault_format_version = 1;

/// An attacker who can write the file can make unlocking cost at most this many derivations.
inline constexpr std::size_t max_key_slots = 8;

inline constexpr std::size_t slot_nonce_bytes = 24;

/// A pseudorandom function of the vault's id and the list of its features, under the master key.
using FeaturesTag = std::array<std::byte, 32>;

/// One password's way to the master key: XChaCha20-Poly1305 under Argon2id(password, salt).
struct KeySlot {
    std::uint32_t id = 0;
    KdfParameters kdf;
    std::array<std::byte, kdf_salt_bytes> salt{};
    std::array<std::byte, slot_nonce_bytes> nonce{};
    std::array<std::byte, master_key_bytes + tag_bytes> wrapped_key{};

    friend bool operator==(const KeySlot&, const KeySlot&) = default;
};

struct VaultConfig {
    VaultId vault_id{};
    Cipher cipher = Cipher::aes_256_gcm;
    std::chrono::sys_seconds created{};
    /// What a reader must understand beyond the format version; ascending. None is defined yet.
    std::vector<std::string> features;
    FeaturesTag features_tag{};  ///< who knows the master key made the list
    std::vector<KeySlot> slots;

    friend bool operator==(const VaultConfig&, const VaultConfig&) = default;
};

struct NewVault {
    VaultConfig config;
    MasterKey master;
};

struct UnlockedVault {
    MasterKey master;
    std::uint32_t slot_id;  ///< the slot that the password opened
};

/// A new vault with one key slot (id 0). An empty password is refused (std::errc::invalid_argument).
[[nodiscard]] NewVault create(const Password& password, Cipher cipher,
                              const KdfParameters& kdf = KdfParameters::moderate());

/// What `features_tag` must be for the features that `config` lists.
[[nodiscard]] FeaturesTag features_tag(const VaultConfig& config, const MasterKey& master);

/// Tries every slot. Throws Errc::wrong_password if none opens (which is also what tampering with the file
/// looks like), Errc::corrupt if one opens and the features are not what was written with this master key, or what
/// derive_from_password throws.
[[nodiscard]] UnlockedVault unlock(const VaultConfig& config, const Password& password);

/// Adds a slot for one more password, with the least free id, which is returned.
/// Throws std::errc::invalid_argument if all max_key_slots are taken or the password is empty; `config` is
/// unchanged then.
std::uint32_t add_slot(VaultConfig& config, const MasterKey& master, const Password& password,
                       const KdfParameters& kdf = KdfParameters::moderate());

/// Removes a slot. This is no revocation: who kept an old demofs.json and knows the old password, or kept the
/// master key, can still read the vault. Throws std::errc::invalid_argument for an unknown id or the last
/// slot.
void remove_slot(VaultConfig& config, std::uint32_t slot_id);

/// Makes `new_password` open the slot that `old_password` opens now, and returns the slot's id. Data is not
/// touched. Throws Errc::wrong_password; `config` is unchanged then.
std::uint32_t replace_password(VaultConfig& config, const Password& old_password,
                               const Password& new_password,
                               const KdfParameters& kdf = KdfParameters::moderate());

/// The text of demofs.json: indented, newline at the end.
[[nodiscard]] std::string to_json(const VaultConfig& config);

/// Strict: every field must be there, of its type and within its limits, and no other may be; the error names
/// the field. Throws Errc::not_a_vault if this is no demofs.json at all, Errc::unsupported_format (saying
/// which version it needs, or which feature) if it is one that this program cannot read, Errc::corrupt for
/// anything else.
[[nodiscard]] VaultConfig from_json(std::string_view text);

}  // namespace demofs::crypto
