// The directory to mount on, and what mounting needs. Blocks; before there is a core.
#pragma once

#include <string>

namespace demofs::fuse {

/// Makes `directory` ready to be mounted on and returns its absolute path. A dead demofs mount left there by
/// a crashed daemon is removed (`cleaned_up` tells). Throws Error whose text names the problem and the
/// remedy: missing, not a directory, not empty, busy (something else is mounted), no permission.
std::string prepare_mount_point(const std::string& directory, bool& cleaned_up);

/// Throws Error if /dev/fuse or (for other users than root) fusermount3 is missing or not usable.
void require_fuse();

}  // namespace demofs::fuse
