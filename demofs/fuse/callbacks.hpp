// libfuse's table of callbacks, filled by the three files of operations.
#pragma once

#include <fuse_lowlevel.h>

namespace demofs::fuse {

/// init, lookup, forget, forget_multi, getattr, setattr, readlink, statfs
void add_inode_operations(fuse_lowlevel_ops& table);
/// mknod, mkdir, symlink, link, unlink, rmdir, rename, opendir, readdir, readdirplus, releasedir
void add_directory_operations(fuse_lowlevel_ops& table);
/// create, open, release, read, write, flush, fsync, fsyncdir
void add_file_operations(fuse_lowlevel_ops& table);

}  // namespace demofs::fuse
