// What is asked of the kernel when the connection is made: caching, request sizes, parallelism.
#pragma once

#include <fuse_lowlevel.h>

namespace demofs::fuse {

/// Seconds that the kernel may answer from its caches without asking. The daemon owns the vault exclusively,
/// and every change comes through this kernel, so its caches are right until they are evicted.
inline constexpr double cache_timeout_s = 86400.0;

inline constexpr unsigned max_request_bytes = 1024 * 1024;
/// What a request's header may take besides its data.
inline constexpr unsigned request_header_bytes = 64 * 1024;

/// FUSE_INIT: sets what the kernel offers and we want.
void choose_kernel_settings(fuse_conn_info& connection);

}  // namespace demofs::fuse
