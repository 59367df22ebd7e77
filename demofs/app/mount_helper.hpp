// The ways in which mount(8) and /etc/fstab say what to mount, in demofs' own words:
//
//     mount.demofs VAULT DIR -o password-file=/etc/key,ro,nofail     (as mount(8) calls it)
//     demofs mount VAULT DIR -o idle=600,allow_other
//
// become `demofs mount VAULT DIR --password-file=/etc/key --read-only` and the like: an option's name is that
// of the long option, with '_' or '-'. What is meant for mount(8) or systemd alone is left out.
//
// Threads: plain functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace demofs::app {

/// The arguments after the program's name, if `program` is a helper's name (mount.demofs,
/// mount.fuse.demofs): those of `demofs mount`. Nothing if it is not; empty if there is nothing to do (the
/// flag -f of mount(8) is a rehearsal). Throws Failure(exit_usage).
std::optional<std::vector<std::string>> helper_arguments(const std::string& program,
                                                         const std::vector<std::string>& given);

/// `arguments` with each "-o LIST" replaced by what it says. Throws Failure(exit_usage).
std::vector<std::string> expand_mount_options(const std::vector<std::string>& arguments);

}  // namespace demofs::app
