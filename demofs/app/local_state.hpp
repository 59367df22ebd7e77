// What this machine remembers of a vault: one small file in the user's state folder, `demofs/VAULT-ID.json` below
// $XDG_STATE_HOME (or ~/.local/state). Losing it loses no data, only the memory of how new the vault was.
//
// Threads: blocking; on a worker.
#pragma once

#include <filesystem>
#include <optional>

#include "demofs/app/vault.hpp"
#include "demofs/base/commit_id.hpp"
#include "demofs/crypto/keys.hpp"
#include "demofs/tree/commit_record.hpp"

namespace demofs::app {

struct LocalState {
    ReplicaId replica;                           ///< of this machine's copy of the vault
    std::optional<tree::ReplicaVersion> newest;  ///< the newest commit that is known to have been durable

    friend bool operator==(const LocalState&, const LocalState&) = default;
};

/// Where the files of this user are. Throws Error if there is neither $XDG_STATE_HOME nor $HOME.
[[nodiscard]] std::filesystem::path state_folder();

class LocalStateFile {
  public:
    /// The vault's file in `folder`, which need not exist yet.
    LocalStateFile(const std::filesystem::path& folder, const crypto::VaultId& vault);

    /// What was written last. Nothing: there is no file, or one that cannot be used, of which `notice` is told.
    [[nodiscard]] std::optional<LocalState> read(const Notice& notice) const;

    /// Makes the folder and the file, or replaces it; durable on return. Throws Error, and the file is as it was:
    /// it is written beside its place, and what was begun there is taken away.
    void write(const LocalState& state) const;

  private:
    std::filesystem::path file_;
};

}  // namespace demofs::app
