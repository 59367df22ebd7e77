// A vault's directory and configuration: finding, making and unlocking it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "demofs/crypto/key_slots.hpp"
#include "demofs/crypto/keys.hpp"
#include "demofs/crypto/vault_config.hpp"

namespace demofs::app {

/// Receives sentences that the user should see although the command goes on.
using Notice = std::function<void(const std::string&)>;

/// The directory as an absolute path without symlinks. Throws Failure: exit_not_a_vault if it does not
/// exist, exit_usage if the name is empty.
std::string vault_directory(const std::string& vault);

/// Whether a process is writing to the vault: a daemon that serves it or still saves, or an init.
bool is_locked(const std::string& directory);

/// Reads demofs.json (or its copy). Throws Errc::not_a_vault, unsupported_format or corrupt with a sentence.
crypto::VaultConfig read_config(const std::string& directory, const Notice& notice);

/// Writes demofs.json and its copy; on return both are durable. `before` is what read_config() gave: if
/// another command has changed it meanwhile, throws a Failure and changes nothing. Else throws what
/// store::replace_vault_config throws.
void replace_config(const std::string& directory, const crypto::VaultConfig& before,
                    const crypto::VaultConfig& after);

/// Tells if secrets of this process lie in memory that may be swapped out.
void warn_of_unlocked_memory(const Notice& notice);

/// The keys of a vault. Blocks for the key derivation (about a second). Throws what crypto::unlock throws.
std::unique_ptr<crypto::VaultKeys> unlock(const crypto::VaultConfig& config,
                                          const crypto::Credential& credential, const Notice& notice);

}  // namespace demofs::app
