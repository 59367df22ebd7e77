// Who keeps a mount busy: the processes that have a file of it open, mapped, or as their working or root directory.
//
// Found in /proc, as far as this user may look. A place there is known by the number of its filesystem's device,
// which the kernel tells without asking the filesystem (statx with an empty mask): a daemon that is dead or hangs
// keeps nobody waiting. What may wait for another process (its mappings are locked while it changes them) is looked
// at by a thread of its own, for a short time.
//
// Threads: plain functions.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace demofs::app {

struct MountUser {
    pid_t pid = 0;
    std::string command;             ///< as the kernel shortens it, without control characters
    std::vector<std::string> holds;  ///< "3 open files", "working directory", "root directory", "mapped file"
};

/// Those of the filesystem with this device ("0:52", as in /proc/self/mountinfo), by process id and without this
/// process; those that were found when `patience` is over.
std::vector<MountUser> users_of(const std::string& device,
                                std::chrono::milliseconds patience = std::chrono::seconds(1));

/// "vim (4711: 2 open files), bash (4700: working directory) and 3 more"; empty if there are none.
std::string describe_users(const std::vector<MountUser>& users);

}  // namespace demofs::app
