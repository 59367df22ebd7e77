// Key slots in words.
//
// Threads: plain functions.
#pragma once

#include <chrono>
#include <string>

#include "demofs/crypto/vault_config.hpp"

namespace demofs::app {

/// "key file".
std::string type_text(crypto::SlotType type);

/// `password "laptop"`; without a name: "password".
std::string slot_text(const crypto::KeySlot& slot);

/// "Argon2id, 3 passes over 256 MiB".
std::string cost_text(const crypto::KdfParameters& kdf);

/// When the slot was made: with the vault, if it does not tell.
std::chrono::sys_seconds time_of(const crypto::KeySlot& slot, const crypto::VaultConfig& config);

}  // namespace demofs::app
