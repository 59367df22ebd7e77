// One mounted filesystem, named as the kernel names it, and how to get rid of it. (Mounting itself is
// Session::mount; what it needs first, mount_point.hpp.)
//
// A path is no name for a mount: once it is detached, or something lies over it, the path leads to somebody
// else's filesystem; and after `mv` of a directory above it, nowhere. So whatever unmounts has a Mount, found
// once, and before each unmount it is looked up again in /proc/self/mountinfo.
//
// Threads: any. All of it blocks, unmounting as long as the filesystem takes to answer: never on the core.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace demofs::fuse {

struct Mount {
    std::uint64_t id = 0;  ///< the kernel's number of this mount, which the next one may get once it is gone
    std::string device;    ///< "major:minor" of its superblock; the same
    std::string point;     ///< where it is mounted
    std::string type;      ///< "fuse.demofs" for ours
    std::string source;    ///< the vault's path
    uid_t owner = 0;       ///< who mounted it, as far as it is a FUSE filesystem
    /// The kernel's number that no other mount ever gets (Linux 6.8: STATX_MNT_ID_UNIQUE); 0 if it is not known.
    std::uint64_t unique_id = 0;

    /// Whether both are one mount of one filesystem, wherever it is by now. Without the unique numbers, another
    /// mount of the same source by the same user could be taken for it.
    bool same_as(const Mount& other) const;
};

/// What is mounted exactly on `directory` (the topmost mount), with its unique number. Asks no daemon.
std::optional<Mount> mounted_on(const std::string& directory);

/// The mount as it stands now; nothing if it is detached or unmounted.
std::optional<Mount> find_again(const Mount& mount);

/// All places at which the filesystem with this device number is mounted: its mount, and what was bound to it.
std::vector<std::string> places_of(const std::string& device);

/// What is mounted inside this directory, which keeps a mount there busy.
std::vector<std::string> places_below(const std::string& directory);

/// A mount of the vault with this path, wherever it is.
std::optional<Mount> mount_of_vault(const std::string& vault);

/// Whether the daemon of what is mounted on `directory` has died. Waits for the answer of one that is busy.
bool is_dead_mount(const std::string& directory);

enum class UnmountMode {
    normal,  ///< refused when files are in use
    lazy,    ///< detached at once; ends when its last file is closed
    force,   ///< lazy, and the connection is cut before (by root): waits for no answer of the daemon
};

/// Unmounts this mount and no other, as root by the system call, else through fusermount3. Nothing happens if
/// it is gone. Throws Error: EBUSY when files are in use (mode normal), EPERM when another filesystem is
/// mounted over it, or when fusermount3 refuses.
void unmount(const Mount& mount, UnmountMode mode);

/// Cuts the connection of a FUSE mount through its control file, where there is one: all requests end with an
/// error, also those that the daemon has taken. The mount must not be gone: another could have its device.
void abort_connection(const Mount& mount);

}  // namespace demofs::fuse
