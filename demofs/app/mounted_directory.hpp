// What is mounted on a directory that the user has named, and its daemon.
//
// Threads: a plain function; does not wait for the filesystem that is mounted there.
#pragma once

#include <optional>
#include <string>

#include "demofs/app/control_socket.hpp"
#include "demofs/fuse/mount.hpp"

namespace demofs::app {

struct MountedDirectory {
    std::string directory;                ///< absolute
    std::optional<fuse::Mount> mount;     ///< nothing is mounted there, or not any more
    std::optional<ControlClient> daemon;  ///< also of a mount that was detached
};

/// Looks for daemons of this user and, as root, of the user who has mounted.
MountedDirectory find_mounted(const std::string& directory);

}  // namespace demofs::app
