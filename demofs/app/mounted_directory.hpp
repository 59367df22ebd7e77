// What is mounted on a directory that the user has named, and its daemon.
//
// Threads: plain functions; they do not wait for the filesystem that is mounted there.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "demofs/app/control_socket.hpp"
#include "demofs/app/daemon_status.hpp"
#include "demofs/fuse/mount.hpp"

namespace demofs::app {

struct MountedDirectory {
    std::string directory;                ///< absolute
    std::optional<fuse::Mount> mount;     ///< nothing is mounted there, or not any more
    std::optional<ControlClient> daemon;  ///< also of a mount that was detached
    std::optional<uid_t> owner;           ///< whose the daemon is, if not this user's

    /// Which filesystem the daemon serves, and where that is mounted now. Asks the daemon, and waits two seconds at
    /// most; nothing if it does not answer.
    std::optional<ServedFilesystem> served() const;
    /// Where else it is mounted, because it was moved or bound. Asks as well.
    std::vector<std::string> elsewhere() const;
};

/// Looks for daemons of this user and, as root, of the user who has mounted. One that was told another name of
/// the directory is known by the filesystem that it serves. Throws Failure(exit_usage) if the name is empty.
MountedDirectory find_mounted(const std::string& directory);

}  // namespace demofs::app
