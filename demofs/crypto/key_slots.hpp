// Key slots: how a password, a key file or a recovery key opens the master key.
//
// Threads: free functions on values; what makes or opens a slot runs Argon2id (up to seconds, hundreds of
// MiB) and must not be called on an executor thread. Invariants: the master key appears nowhere but wrapped;
// a slot's associated data binds format version, vault id, cipher, creation time and all that the slot tells
// of itself, so a change of any of them makes the slot fail to open. The features are bound by a tag of their
// own, so that one can be added later without the passwords of all slots.
#pragma once

#include <cstdint>
#include <string>

#include "demofs/crypto/secret.hpp"
#include "demofs/crypto/vault_config.hpp"

namespace demofs::crypto {

/// What somebody shows to open a vault, or is to open it from now on.
struct Credential {
    SlotType type = SlotType::password;
    /// The bytes of a password; the hash of a key file; what random_recovery_key() gives.
    SecretBytes secret;
};

struct NewKey {
    Credential credential;
    std::string name;   ///< see is_slot_name
    KdfParameters kdf;  ///< what each guess costs
};

struct NewVault {
    VaultConfig config;
    MasterKey master;
};

struct UnlockedVault {
    MasterKey master;
    std::uint32_t slot_id;  ///< the slot that opened
};

/// A new vault with one key slot (id 0). An empty secret is refused (std::errc::invalid_argument).
[[nodiscard]] NewVault create(const NewKey& key, Cipher cipher);

/// What `features_tag` must be for the features that `config` lists.
[[nodiscard]] FeaturesTag features_tag(const VaultConfig& config, const MasterKey& master);

/// Tries every slot of the credential's type. A password that reads as a recovery key is tried as one, too.
/// Throws Errc::wrong_password if none opens (which is also what tampering with the file looks like; a
/// mistyped recovery key is told where it is wrong), Errc::corrupt if one opens and the features are not what
/// was written with this master key, or what derive_from_password throws.
[[nodiscard]] UnlockedVault unlock(const VaultConfig& config, const Credential& shown);

/// Throws std::errc::invalid_argument if add_slot() would, whatever the key: all max_key_slots are taken.
void require_free_slot(const VaultConfig& config);

/// Adds a slot with the least free id, which is returned. Throws std::errc::invalid_argument if all
/// max_key_slots are taken, or the secret is empty; `config` is unchanged then.
std::uint32_t add_slot(VaultConfig& config, const MasterKey& master, const NewKey& key);

/// Makes `key` open the slot in place of what opens it now. Data is not touched. Throws
/// std::errc::invalid_argument for an unknown id, a slot of a kind that this program does not know, or an
/// empty secret; `config` is unchanged then.
void replace_slot(VaultConfig& config, std::uint32_t slot_id, const MasterKey& master, const NewKey& key);

/// Removes a slot, also one of an unknown kind. This is no revocation: who kept an old demofs.json and knows
/// what opened the slot, or kept the master key, can still read the vault. Throws std::errc::invalid_argument
/// for an unknown id or the last slot that this program can open; `config` is unchanged then.
void remove_slot(VaultConfig& config, std::uint32_t slot_id);

/// The slot of this id, or null.
[[nodiscard]] const KeySlot* find_slot(const VaultConfig& config, std::uint32_t slot_id) noexcept;

}  // namespace demofs::crypto
