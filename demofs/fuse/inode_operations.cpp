// Requests on inodes, the kernel's lookup counts, and the first request of a connection (INIT).
#include <cerrno>

#include "demofs/fuse/callbacks.hpp"
#include "demofs/fuse/dispatcher.hpp"
#include "demofs/fuse/kernel_settings.hpp"

namespace demofs::fuse {

namespace {

void on_init(void* userdata, fuse_conn_info* connection) {
    choose_kernel_settings(*connection);
    const auto& dispatcher = *static_cast<Dispatcher*>(userdata);
    if (dispatcher.on_ready) dispatcher.on_ready();
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    serve(request, fs::Lookup{InodeNumber{parent}, name}, reply_lookup);
}

void on_forget(fuse_req_t request, fuse_ino_t inode, std::uint64_t count) {
    Dispatcher::of(request).filesystem.forget(InodeNumber{inode}, count);
    fuse_reply_none(request);
}

void on_forget_multi(fuse_req_t request, std::size_t count, fuse_forget_data* forgets) {
    fs::Filesystem& filesystem = Dispatcher::of(request).filesystem;
    for (std::size_t i = 0; i < count; ++i)
        filesystem.forget(InodeNumber{forgets[i].ino}, forgets[i].nlookup);
    fuse_reply_none(request);
}

void on_getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
    Dispatcher::of(request).writers.active(InodeNumber{inode});
    serve(request, fs::GetAttributes{InodeNumber{inode}}, reply_attributes);
}

void on_setattr(fuse_req_t request, fuse_ino_t inode, struct stat* wanted, int flags, fuse_file_info*) {
    fs::SetAttributes change;
    change.inode = InodeNumber{inode};
    change.now = fs::Timestamp::now();
    const auto given = [](const timespec& t) {
        return fs::Timestamp{t.tv_sec, static_cast<std::uint32_t>(t.tv_nsec)};
    };
    change.set_mode = flags & FUSE_SET_ATTR_MODE;
    change.mode = wanted->st_mode & 07777;
    change.set_uid = flags & FUSE_SET_ATTR_UID;
    change.uid = wanted->st_uid;
    change.set_gid = flags & FUSE_SET_ATTR_GID;
    change.gid = wanted->st_gid;
    change.set_size = flags & FUSE_SET_ATTR_SIZE;
    if (change.set_size) Dispatcher::of(request).writers.cut(change.inode);
    change.size_bytes = static_cast<std::uint64_t>(wanted->st_size);
    change.set_accessed = flags & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW);
    change.accessed = (flags & FUSE_SET_ATTR_ATIME_NOW) ? change.now : given(wanted->st_atim);
    change.set_modified = flags & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW);
    change.modified = (flags & FUSE_SET_ATTR_MTIME_NOW) ? change.now : given(wanted->st_mtim);
    change.set_changed = flags & FUSE_SET_ATTR_CTIME;
    change.changed = given(wanted->st_ctim);
    serve(request, std::move(change), reply_attributes);
}

void on_readlink(fuse_req_t request, fuse_ino_t inode) {
    serve(request, fs::ReadLink{InodeNumber{inode}}, reply_link_target);
}

boost::asio::awaitable<void> answer_statfs(fuse_req_t request) {
    auto asked = Dispatcher::of(request).filesystem.space();
    const Result<fs::FilesystemSpace> space = co_await std::move(asked);
    reply_space(request, space);
}

void on_statfs(fuse_req_t request, fuse_ino_t) {
    spawn_request(Dispatcher::of(request), request, answer_statfs(request));
}

}  // namespace

void add_inode_operations(fuse_lowlevel_ops& table) {
    table.init = on_init;
    table.lookup = on_lookup;
    table.forget = on_forget;
    table.forget_multi = on_forget_multi;
    table.getattr = on_getattr;
    table.setattr = on_setattr;
    table.readlink = on_readlink;
    table.statfs = on_statfs;
}

}  // namespace demofs::fuse
