// Answers in libfuse's types. An answer that hands the kernel a reference (to an inode, to a handle) takes it
// back if the kernel has given the request up (-ENOENT).
#include "demofs/fuse/reply.hpp"

#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "demofs/fuse/dispatcher.hpp"
#include "demofs/fuse/kernel_settings.hpp"

namespace demofs::fuse {

namespace {

constexpr std::uint32_t preferred_io_bytes = 32 * 1024;
// More pieces than this are copied together first; the system's own limit is 1024.
constexpr std::size_t max_pieces = 512;

timespec to_timespec(const fs::Timestamp& t) {
    return {static_cast<time_t>(t.seconds), static_cast<long>(t.nanoseconds)};
}

}  // namespace

struct stat to_stat(const fs::Attributes& attributes) {
    struct stat out{};
    out.st_ino = raw(attributes.inode);
    out.st_mode = attributes.mode;
    out.st_nlink = attributes.links;
    out.st_uid = attributes.uid;
    out.st_gid = attributes.gid;
    out.st_rdev = attributes.device;
    out.st_size = static_cast<off_t>(attributes.size_bytes);
    out.st_blksize = preferred_io_bytes;
    out.st_blocks = static_cast<blkcnt_t>((attributes.allocated_bytes + 511) / 512);
    out.st_atim = to_timespec(attributes.accessed);
    out.st_mtim = to_timespec(attributes.modified);
    out.st_ctim = to_timespec(attributes.changed);
    return out;
}

fuse_entry_param to_entry(const fs::Attributes& attributes) {
    fuse_entry_param entry{};
    entry.ino = raw(attributes.inode);
    entry.generation = 0;  // inode numbers are never reused
    entry.attr = to_stat(attributes);
    entry.attr_timeout = cache_timeout_s;
    entry.entry_timeout = cache_timeout_s;
    return entry;
}

void reply_error(fuse_req_t request, std::errc error) {
    fuse_reply_err(request, static_cast<int>(error));
}

void reply_nothing(fuse_req_t request, const Result<fs::Nothing>& result) {
    fuse_reply_err(request, result ? 0 : static_cast<int>(result.error()));
}

void reply_entry(fuse_req_t request, const Result<fs::Attributes>& result) {
    if (!result) return reply_error(request, result.error());
    const fuse_entry_param entry = to_entry(*result);
    fs::Filesystem& filesystem = Dispatcher::of(request).filesystem;
    filesystem.retain(result->inode);
    if (fuse_reply_entry(request, &entry) == -ENOENT) filesystem.forget(result->inode, 1);
}

void reply_lookup(fuse_req_t request, const Result<fs::Attributes>& result) {
    if (result || result.error() != std::errc::no_such_file_or_directory) return reply_entry(request, result);
    fuse_entry_param nothing_there{};
    nothing_there.entry_timeout = cache_timeout_s;
    fuse_reply_entry(request, &nothing_there);
}

void reply_attributes(fuse_req_t request, const Result<fs::Attributes>& result) {
    if (!result) return reply_error(request, result.error());
    const struct stat attributes = to_stat(*result);
    fuse_reply_attr(request, &attributes, cache_timeout_s);
}

void reply_link_target(fuse_req_t request, const Result<std::string>& result) {
    if (!result) return reply_error(request, result.error());
    fuse_reply_readlink(request, result->c_str());
}

void reply_data(fuse_req_t request, const Result<fs::ReadReply>& result) {
    if (!result) return reply_error(request, result.error());
    if (result->pieces.size() <= max_pieces) {
        std::vector<iovec> pieces;
        pieces.reserve(result->pieces.size());
        for (const SharedBytes& piece : result->pieces) {
            pieces.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
        }
        fuse_reply_iov(request, pieces.data(), static_cast<int>(pieces.size()));
        return;
    }
    Bytes joined;
    joined.reserve(result->size_bytes);
    for (const SharedBytes& piece : result->pieces)
        joined.insert(joined.end(), piece.span().begin(), piece.span().end());
    fuse_reply_buf(request, reinterpret_cast<const char*>(joined.data()), joined.size());
}

void reply_written(fuse_req_t request, const Result<std::size_t>& result) {
    if (!result) return reply_error(request, result.error());
    fuse_reply_write(request, *result);
}

void reply_space(fuse_req_t request, const Result<fs::FilesystemSpace>& result) {
    if (!result) return reply_error(request, result.error());
    constexpr std::uint64_t unit_bytes = 4096;
    struct statvfs out{};
    out.f_bsize = unit_bytes;
    out.f_frsize = unit_bytes;
    out.f_blocks = result->total_bytes / unit_bytes;
    out.f_bfree = result->free_bytes / unit_bytes;
    out.f_bavail = out.f_bfree;
    out.f_files = result->inodes + out.f_bfree;  // an inode needs space, not a slot in a table
    out.f_ffree = out.f_bfree;
    out.f_favail = out.f_bfree;
    out.f_namemax = 255;
    fuse_reply_statfs(request, &out);
}

}  // namespace demofs::fuse
