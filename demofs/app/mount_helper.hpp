// The ways in which mount(8) and /etc/fstab say what to mount, in demofs' own words:
//
//     mount.demofs VAULT DIR -o password-file=/etc/key,ro,nofail     (as mount(8) calls it)
//     demofs mount VAULT DIR -o idle=600,allow_other
//
// become `demofs mount VAULT DIR --password-file=/etc/key --read-only` and the like: an option's name is that
// of the long option, with '_' or '-'. What is meant for mount(8) or systemd alone is left out; of ro and rw, exec
// and noexec the last one counts; what cannot be done is refused with the reason, never passed over.
//
// Threads: plain functions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace demofs::app {

/// The arguments after the program's name, if `program` is a helper's name (mount.demofs,
/// mount.fuse.demofs): those of `demofs mount`, with -o as it was given. Nothing if it is not; empty if there is
/// nothing to do (the flag -f of mount(8) is a rehearsal). Throws Failure(exit_usage).
std::optional<std::vector<std::string>> helper_arguments(const std::string& program,
                                                         const std::vector<std::string>& given);

/// A long option of `demofs mount`.
struct MountOption {
    std::string name;  ///< without the dashes
    bool takes_value = false;
};

struct ExpandedOptions {
    std::vector<std::string> arguments;
    std::map<std::string, std::string> typed;  ///< "--idle": "-o idle", for each that was in a list
};

/// `arguments` with each "-o LIST" replaced by the options it stands for, out of the `known` ones. Throws
/// Failure(exit_usage), which names the word of the list as it was typed.
ExpandedOptions expand_mount_options(const std::vector<std::string>& arguments,
                                     const std::vector<MountOption>& known);

/// `text` with the names of long options replaced by how they were typed.
std::string as_typed(const std::string& text, const std::map<std::string, std::string>& typed);

}  // namespace demofs::app
