// What this machine remembers of a vault: one small file in the user's state folder, `demofs/VAULT-ID.json` below
// $XDG_STATE_HOME (or ~/.local/state). Losing it loses no data.
//
// Threads: blocking; on a worker.
#pragma once

#include <filesystem>

#include "demofs/app/vault.hpp"
#include "demofs/base/commit_id.hpp"

namespace demofs::app {

/// Where the files of this user are. Throws Error if there is neither $XDG_STATE_HOME nor $HOME.
[[nodiscard]] std::filesystem::path state_folder();

/// The id of this machine's copy of the vault, drawn when it is first asked for; durable on return. If it cannot
/// be kept, `notice` is told, and this mount counts as a copy of its own.
[[nodiscard]] ReplicaId local_replica(const std::filesystem::path& folder, const crypto::VaultId& vault,
                                      const Notice& notice);

}  // namespace demofs::app
