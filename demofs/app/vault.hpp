// A vault's directory and configuration: finding, making and unlocking it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "demofs/crypto/keys.hpp"
#include "demofs/crypto/secret.hpp"
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

/// The keys of a vault. Blocks for the key derivation (about a second). Throws Errc::wrong_password.
std::unique_ptr<crypto::VaultKeys> unlock(const crypto::VaultConfig& config, const crypto::Password& password,
                                          const Notice& notice);

}  // namespace demofs::app
