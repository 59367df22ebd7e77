// What is asked of the kernel, and why.
#include "demofs/fuse/kernel_settings.hpp"

namespace demofs::fuse {

void choose_kernel_settings(fuse_conn_info& connection) {
    // Why each: READDIRPLUS saves a LOOKUP for each entry of `ls -l`; WRITEBACK_CACHE merges small writes and
    // hands over whole pages; EXPLICIT_INVAL_DATA keeps page caches over a changed mtime (only we change it);
    // NO_OPENDIR: directories have no state here, so opening one needs no request. Not ATOMIC_O_TRUNC: with
    // it, an open with O_TRUNC by another user than the owner would keep the set-user-id bit. Not SPLICE: it
    // gained nothing, the data is decrypted in memory.
    constexpr unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
                                FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ASYNC_DIO | FUSE_CAP_CACHE_SYMLINKS |
                                FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_WRITEBACK_CACHE |
                                FUSE_CAP_NO_OPENDIR_SUPPORT;
    constexpr unsigned unwanted = FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_WRITE |
                                  FUSE_CAP_SPLICE_MOVE |
                                  FUSE_CAP_SPLICE_READ;  // libfuse wants some of them by itself
    connection.want = (connection.want | (connection.capable & wanted)) & ~unwanted;
    connection.max_write = max_request_bytes;
    connection.max_read = max_request_bytes;  // must equal the mount option of that name
    connection.max_readahead = max_request_bytes;
    connection.max_background = 64;
    connection.congestion_threshold = 48;
    connection.time_gran = 1;
}

}  // namespace demofs::fuse
