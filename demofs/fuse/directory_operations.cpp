// Requests on names: from the kernel's arguments to an operation, and listings into the kernel's buffer.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "demofs/fuse/callbacks.hpp"
#include "demofs/fuse/dispatcher.hpp"

namespace demofs::fuse {

namespace {

fs::Create creation(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
    const fuse_ctx* caller = fuse_req_ctx(request);
    fs::Create create;
    create.parent = InodeNumber{parent};
    create.name = name;
    create.mode = mode;
    create.uid = caller->uid;
    create.gid = caller->gid;
    create.now = fs::Timestamp::now();
    return create;
}

void on_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
    fs::Create create = creation(request, parent, name, mode);
    create.device = static_cast<std::uint32_t>(device);
    serve(request, std::move(create), reply_entry);
}

void on_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
    serve(request, creation(request, parent, name, (mode & 07777) | S_IFDIR), reply_entry);
}

void on_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
    fs::Create create = creation(request, parent, name, S_IFLNK | 0777);
    create.target = target;
    serve(request, std::move(create), reply_entry);
}

void on_link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t parent, const char* name) {
    serve(request, fs::Link{InodeNumber{inode}, InodeNumber{parent}, name, fs::Timestamp::now()},
          reply_entry);
}

void on_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
    serve(request, fs::Unlink{InodeNumber{parent}, name, fs::Unlink::Of::file, fs::Timestamp::now()},
          reply_nothing);
}

void on_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
    serve(request, fs::Unlink{InodeNumber{parent}, name, fs::Unlink::Of::directory, fs::Timestamp::now()},
          reply_nothing);
}

void on_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) {
    if (flags & ~static_cast<unsigned>(RENAME_NOREPLACE | RENAME_EXCHANGE)) {
        return reply_error(request, std::errc::invalid_argument);
    }
    fs::Rename rename;
    rename.old_parent = InodeNumber{parent};
    rename.old_name = name;
    rename.new_parent = InodeNumber{new_parent};
    rename.new_name = new_name;
    rename.no_replace = flags & RENAME_NOREPLACE;
    rename.exchange = flags & RENAME_EXCHANGE;
    rename.now = fs::Timestamp::now();
    serve(request, std::move(rename), reply_nothing);
}

// --- listing -------------------------------------------------------------------------------------

// Bytes that the shortest entry takes in the kernel's buffer: header and an eight-byte name.
constexpr std::size_t plain_entry_bytes = 32;
constexpr std::size_t plus_entry_bytes = 160;

bool is_dot(const std::string& name) {
    return name == "." || name == "..";
}

// Fills the kernel's buffer with as many of `entries` as fit.
void answer_listing(fuse_req_t request, const Result<std::vector<fs::DirectoryEntry>>& entries,
                    std::size_t size_bytes, bool plus) {
    if (!entries) return reply_error(request, entries.error());
    std::vector<char> buffer(size_bytes);
    std::size_t used = 0;
    std::vector<InodeNumber> retained;
    fs::Filesystem& filesystem = Dispatcher::of(request).filesystem;
    for (const fs::DirectoryEntry& entry : *entries) {
        std::size_t needed = 0;
        const auto cookie = static_cast<off_t>(entry.cookie);
        if (plus) {
            // The kernel takes no reference on "." and "..": an inode number of 0 there says "no attributes".
            fuse_entry_param attributes = to_entry(entry.attributes);
            if (is_dot(entry.name)) {
                attributes = {};
                attributes.attr.st_ino = raw(entry.inode);
                attributes.attr.st_mode = entry.mode;
            }
            needed = fuse_add_direntry_plus(request, buffer.data() + used, size_bytes - used,
                                            entry.name.c_str(), &attributes, cookie);
        } else {
            struct stat shown{};
            shown.st_ino = raw(entry.inode);
            shown.st_mode = entry.mode;
            needed = fuse_add_direntry(request, buffer.data() + used, size_bytes - used, entry.name.c_str(),
                                       &shown, cookie);
        }
        if (needed > size_bytes - used) break;
        used += needed;
        if (plus && !is_dot(entry.name)) {
            filesystem.retain(entry.inode);
            retained.push_back(entry.inode);
        }
    }
    if (fuse_reply_buf(request, buffer.data(), used) == -ENOENT) {
        for (const InodeNumber inode : retained) filesystem.forget(inode, 1);
    }
}

boost::asio::awaitable<void> list_and_answer(fuse_req_t request, fs::ReadDirectory listing,
                                             std::size_t size_bytes) {
    const bool plus = listing.with_attributes;
    auto running = Dispatcher::of(request).filesystem.run(std::move(listing));
    const Result<std::vector<fs::DirectoryEntry>> entries = co_await std::move(running);
    answer_listing(request, entries, size_bytes, plus);
}

void list(fuse_req_t request, fuse_ino_t directory, std::size_t size_bytes, off_t after, bool plus) {
    fs::ReadDirectory listing;
    listing.directory = InodeNumber{directory};
    listing.after = static_cast<std::uint64_t>(after);
    listing.limit = std::max<std::size_t>(1, size_bytes / (plus ? plus_entry_bytes : plain_entry_bytes));
    listing.with_attributes = plus;
    Dispatcher& dispatcher = Dispatcher::of(request);
    if (const auto entries = dispatcher.filesystem.try_run(listing)) {
        return answer_listing(request, *entries, size_bytes, plus);
    }
    spawn_request(dispatcher, request, list_and_answer(request, std::move(listing), size_bytes));
}

void on_opendir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    // With NO_OPENDIR_SUPPORT, ENOSYS means: directories need no open from now on, and listings may be
    // cached.
    info->cache_readdir = 1;
    info->keep_cache = 1;
    fuse_reply_err(request, ENOSYS);
}

void on_readdir(fuse_req_t request, fuse_ino_t directory, std::size_t size_bytes, off_t after,
                fuse_file_info*) {
    list(request, directory, size_bytes, after, false);
}

void on_readdirplus(fuse_req_t request, fuse_ino_t directory, std::size_t size_bytes, off_t after,
                    fuse_file_info*) {
    list(request, directory, size_bytes, after, true);
}

void on_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
    fuse_reply_err(request, 0);
}

}  // namespace

void add_directory_operations(fuse_lowlevel_ops& table) {
    table.mknod = on_mknod;
    table.mkdir = on_mkdir;
    table.symlink = on_symlink;
    table.link = on_link;
    table.unlink = on_unlink;
    table.rmdir = on_rmdir;
    table.rename = on_rename;
    table.opendir = on_opendir;
    table.readdir = on_readdir;
    table.readdirplus = on_readdirplus;
    table.releasedir = on_releasedir;
}

}  // namespace demofs::fuse
