// Adds to the answer of the connection's first request (INIT) what libfuse leaves out of it.
//
// PARALLEL_DIROPS: libfuse up to 3.14 offers it and then forgets it in the answer, and without it the kernel looks
// up one name at a time in each directory: a lookup that has to read from the disk makes all others in that
// directory wait. ABORT_ERROR, which that libfuse does not know: reading after an abort through the control
// filesystem fails with ECONNABORTED in place of ENODEV, which also follows an unmount. What the kernel had is
// lost after the one and not after the other, and the mount table cannot tell them apart when somebody has taken the
// dead mount away. (`umount -f` is ENODEV all the same: there the mount table has to tell.)
//
// Not asked for:
//  * HANDLE_KILLPRIV_V2. A write, truncate or chown takes set-user-id and set-group-id bits away. Without this flag
//    the kernel asks for the mode anew, decides, and tells the result by SETATTR before the change (fs/fuse/dir.c,
//    fuse_setattr), which is right here: nobody but this kernel changes a mode. With it, the daemon would have to
//    decide, by flags of OPEN and WRITE that libfuse 3.14 hands to no callback, and each write to such a file would
//    go past the writeback cache. What it saves elsewhere, asking for security.capability before each write, is not
//    asked for here: there are no extended attributes, and the kernel remembers that. tests/mount/files_test.py
//    sees that the bits go.
//  * POSIX_ACL. The lists are extended attributes, which a vault does not hold, and where this flag is set the kernel
//    leaves the umask to the daemon, which would have to apply a directory's default list. Who needs them gives up
//    rights for single users and groups: setfacl(1) says that it is not supported, and `cp -a` and rsync -A copy
//    without them. What stands in for them are owner, group and mode, set-group-id directories for what a group
//    shares, and the kernel's check of all that (default_permissions).
//
// Threads: one. Source: linux/fuse.h, protocol 7.27 and 7.33.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "demofs/base/bytes.hpp"

namespace demofs::fuse {

class InitAnswer {
  public:
    /// A request that is going to be answered, header and all.
    void requested(ByteSpan request) noexcept;
    /// An answer that is going to be written: changed, if it is the one to INIT.
    void mend(std::span<iovec> answer) noexcept;

  private:
    std::uint64_t request_ = 0;  // the number of INIT, until it is answered
    std::uint32_t offered_ = 0;
};

}  // namespace demofs::fuse
