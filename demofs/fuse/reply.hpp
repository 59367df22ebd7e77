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

// Success without content, or the error.
void reply_nothing(fuse_req_t request, const Result<fs::Nothing>& result);

// An entry; the kernel then knows the inode once more (lookup count). Of the error ENOENT it is told to
// remember it.
void reply_lookup(fuse_req_t request, const Result<fs::Attributes>& result);
void reply_entry(fuse_req_t request, const Result<fs::Attributes>& result);

void reply_attributes(fuse_req_t request, const Result<fs::Attributes>& result);
void reply_link_target(fuse_req_t request, const Result<std::string>& result);
void reply_data(fuse_req_t request, const Result<fs::ReadReply>& result);
void reply_written(fuse_req_t request, const Result<std::size_t>& result);
void reply_space(fuse_req_t request, const Result<fs::FilesystemSpace>& result);

}  // namespace demofs::fuse
