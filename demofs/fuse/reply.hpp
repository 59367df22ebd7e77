// Answers to the kernel. Each function answers its request exactly once; a request that the kernel has given
// up in the meantime is not an error.
#pragma once

#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include "demofs/base/result.hpp"
#include "demofs/fs/filesystem.hpp"
#include "demofs/fs/model/attributes.hpp"
#include "demofs/fs/model/operations.hpp"

namespace demofs::fuse {

fuse_entry_param to_entry(const fs::Attributes& attributes);
struct stat to_stat(const fs::Attributes& attributes);

void reply_error(fuse_req_t request, std::errc error);

/// Success without content, or the error.
void reply_nothing(fuse_req_t request, const Result<fs::Nothing>& result);

/// Answers a LOOKUP with an inode, which the kernel then knows once more (lookup count). ENOENT is answered
/// with "no inode", which the kernel caches: looking for a missing name again costs no request.
void reply_lookup(fuse_req_t request, const Result<fs::Attributes>& result);
/// Answers a request that has made an entry with its inode, which the kernel then knows once more.
void reply_entry(fuse_req_t request, const Result<fs::Attributes>& result);

void reply_attributes(fuse_req_t request, const Result<fs::Attributes>& result);
void reply_link_target(fuse_req_t request, const Result<std::string>& result);
void reply_data(fuse_req_t request, const Result<fs::ReadReply>& result);
void reply_written(fuse_req_t request, const Result<std::size_t>& result);
void reply_space(fuse_req_t request, const Result<fs::FilesystemSpace>& result);

}  // namespace demofs::fuse
