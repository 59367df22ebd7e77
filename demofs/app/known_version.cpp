// The file may be missing or useless: then nothing is known.
#include "demofs/app/known_version.hpp"

#include "demofs/app/local_state.hpp"
#include "demofs/base/error.hpp"

namespace demofs::app {

std::optional<tree::ReplicaVersion> known_version(const crypto::VaultId& vault, const Notice& notice) {
    std::optional<LocalState> state;
    try {
        state = LocalStateFile(state_folder(), vault).read(notice);
    } catch (const Error& error) {
        notice(error.what());
    }
    if (state && state->newest) return state->newest;
    notice("this machine remembers no state of the vault, so it takes the one that is there for the newest");
    return std::nullopt;
}

}  // namespace demofs::app
