// The directory to mount on, and how to get rid of a mount.
#pragma once

#include <optional>
#include <string>

namespace demofs::fuse {

struct MountedFilesystem {
    std::string source;  ///< the vault's path
    std::string type;    ///< "fuse.demofs" for ours
};

/// What is mounted exactly on `directory` (the topmost mount), from /proc/self/mountinfo.
std::optional<MountedFilesystem> mounted_on(const std::string& directory);

/// Whether the daemon of what is mounted on `directory` has died. Waits for the answer of one that is busy.
bool is_dead_mount(const std::string& directory);

/// Makes `directory` ready to be mounted on and returns its absolute path. A dead demofs mount left there by
/// a crashed daemon is removed (`cleaned_up` tells). Throws Error whose text names the problem and the
/// remedy: missing, not a directory, not empty, busy (something else is mounted), no permission.
std::string prepare_mount_point(const std::string& directory, bool& cleaned_up);

/// Throws Error if /dev/fuse or (for other users than root) fusermount3 is missing or not usable.
void require_fuse();

enum class UnmountMode { normal, lazy };

/// Unmounts `directory`, as root by the system call, else through fusermount3. Blocks: call it on a worker or
/// in a process of its own. Throws Error(EBUSY) when files are in use (mode normal).
void unmount(const std::string& directory, UnmountMode mode);

}  // namespace demofs::fuse
