// Adds to the answer of the connection's first request (INIT) what libfuse leaves out of it.
//
// libfuse up to 3.14 offers FUSE_CAP_PARALLEL_DIROPS and then forgets it in the answer, and without it the kernel
// looks up one name at a time in each directory: a lookup that has to read from the disk makes all others in
// that directory wait. So the answer is mended on its way out.
//
// Not asked for: POSIX_ACL (there are no extended attributes), HANDLE_KILLPRIV_V2 (with the writeback cache the
// kernel clears set-user-id bits itself and tells by SETATTR), ABORT_ERROR (both ways to learn of an abort mean
// the same here).
//
// Threads: one. Source: linux/fuse.h, protocol 7.25.
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
