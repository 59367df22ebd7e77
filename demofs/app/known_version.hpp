// What a command that only reads a vault asks of this machine's memory of it.
//
// Threads: blocking.
#pragma once

#include <optional>

#include "demofs/app/vault.hpp"
#include "demofs/crypto/vault_config.hpp"
#include "demofs/tree/commit_record.hpp"

namespace demofs::app {

/// The newest commit of the vault that this machine remembers. Nothing, of which `notice` is told: it remembers
/// none, or its file is useless.
[[nodiscard]] std::optional<tree::ReplicaVersion> known_version(const crypto::VaultId& vault,
                                                                const Notice& notice);

}  // namespace demofs::app
