// Requests on files: create, open, read, write and sync.
#include <fcntl.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "demofs/fuse/callbacks.hpp"
#include "demofs/fuse/dispatcher.hpp"

namespace demofs::fuse {

namespace {

void hand_out(Dispatcher& dispatcher, InodeNumber inode, fs::HandleId handle, fuse_file_info& info) {
    const bool writes = (info.flags & O_ACCMODE) != O_RDONLY;
    if (writes) dispatcher.writers.opened(handle, inode);
    info.fh = static_cast<std::uint64_t>(handle);
    info.keep_cache = 1;  // nobody but this kernel changes the file
    // Not noflush, which would spare the FLUSH of a file that was only read: the kernel ignores it together
    // with its writeback cache.
}

void take_back(Dispatcher& dispatcher, fs::HandleId handle) {
    dispatcher.writers.released(handle);
    dispatcher.filesystem.release(handle);
}

void reply_open(fuse_req_t request, InodeNumber inode, fs::HandleId handle, fuse_file_info info) {
    Dispatcher& dispatcher = Dispatcher::of(request);
    hand_out(dispatcher, inode, handle, info);
    if (fuse_reply_open(request, &info) == -ENOENT) take_back(dispatcher, handle);
}

// --- create --------------------------------------------------------------------------------------

boost::asio::awaitable<void> create_and_answer(fuse_req_t request, fs::Create create, fuse_file_info info) {
    Dispatcher& dispatcher = Dispatcher::of(request);
    fs::Filesystem& filesystem = dispatcher.filesystem;
    fs::Lookup existing{create.parent, create.name};
    auto creating = filesystem.run(std::move(create));
    Result<fs::Attributes> made = co_await std::move(creating);
    if (!made && made.error() == std::errc::file_exists && !(info.flags & O_EXCL)) {
        auto looking = filesystem.run(std::move(existing));
        made = co_await std::move(looking);
    }
    if (!made) {
        reply_error(request, made.error());
        co_return;
    }
    auto opening = filesystem.open(made->inode);
    const Result<fs::HandleId> handle = co_await std::move(opening);
    if (!handle) {
        reply_error(request, handle.error());
        co_return;
    }
    if (info.flags & O_TRUNC && made->size_bytes != 0) {
        fs::SetAttributes truncate;
        truncate.inode = made->inode;
        truncate.set_size = true;
        truncate.now = fs::Timestamp::now();
        auto truncating = filesystem.run(std::move(truncate));
        made = co_await std::move(truncating);
        if (!made) {
            filesystem.release(*handle);
            reply_error(request, made.error());
            co_return;
        }
    }
    hand_out(dispatcher, made->inode, *handle, info);
    const fuse_entry_param entry = to_entry(*made);
    filesystem.retain(made->inode);
    if (fuse_reply_create(request, &entry, &info) == -ENOENT) {
        take_back(dispatcher, *handle);
        filesystem.forget(made->inode, 1);
    }
}

void on_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* info) {
    const fuse_ctx* caller = fuse_req_ctx(request);
    fs::Create create;
    create.parent = InodeNumber{parent};
    create.name = name;
    create.mode = (mode & 07777) | S_IFREG;
    create.uid = caller->uid;
    create.gid = caller->gid;
    create.now = fs::Timestamp::now();
    Dispatcher& dispatcher = Dispatcher::of(request);
    // The usual case answers inline: the name is new and everything is in memory.
    if (const auto made = dispatcher.filesystem.try_run(create); made && *made) {
        if (const auto handle = dispatcher.filesystem.try_open((*made)->inode); handle && *handle) {
            hand_out(dispatcher, (*made)->inode, **handle, *info);
            const fuse_entry_param entry = to_entry(**made);
            dispatcher.filesystem.retain((*made)->inode);
            if (fuse_reply_create(request, &entry, info) == -ENOENT) {
                take_back(dispatcher, **handle);
                dispatcher.filesystem.forget((*made)->inode, 1);
            }
            return;
        }
        info->flags &= ~O_EXCL;  // made, but not opened yet: the coroutine finds it there
    }
    spawn_request(dispatcher, request, create_and_answer(request, std::move(create), *info));
}

// --- open, release -------------------------------------------------------------------------------

boost::asio::awaitable<void> open_and_answer(fuse_req_t request, InodeNumber inode, fuse_file_info info) {
    fs::Filesystem& filesystem = Dispatcher::of(request).filesystem;
    auto opening = filesystem.open(inode);
    const Result<fs::HandleId> handle = co_await std::move(opening);
    if (!handle) {
        reply_error(request, handle.error());
        co_return;
    }
    reply_open(request, inode, *handle, info);
}

void on_open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
    Dispatcher& dispatcher = Dispatcher::of(request);
    if (const auto handle = dispatcher.filesystem.try_open(InodeNumber{inode})) {
        if (*handle) return reply_open(request, InodeNumber{inode}, **handle, *info);
        return reply_error(request, handle->error());
    }
    spawn_request(dispatcher, request, open_and_answer(request, InodeNumber{inode}, *info));
}

void on_release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    take_back(Dispatcher::of(request), fs::HandleId{info->fh});
    fuse_reply_err(request, 0);
}

// --- read, write ---------------------------------------------------------------------------------

boost::asio::awaitable<void> read_and_answer(fuse_req_t request, InodeNumber inode, std::uint64_t offset,
                                             std::size_t size) {
    auto reading = Dispatcher::of(request).filesystem.read(inode, offset, size);
    const Result<fs::ReadReply> content = co_await std::move(reading);
    reply_data(request, content);
}

void on_read(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset, fuse_file_info*) {
    Dispatcher& dispatcher = Dispatcher::of(request);
    const auto position = static_cast<std::uint64_t>(offset);
    if (const auto content = dispatcher.filesystem.try_read(InodeNumber{inode}, position, size)) {
        return reply_data(request, *content);
    }
    spawn_request(dispatcher, request, read_and_answer(request, InodeNumber{inode}, position, size));
}

boost::asio::awaitable<void> write_and_answer(fuse_req_t request, InodeNumber inode, std::uint64_t offset,
                                              SharedBytes data, std::optional<fs::Timestamp> now) {
    auto writing = Dispatcher::of(request).filesystem.write(inode, offset, std::move(data), now);
    const Result<std::size_t> written = co_await std::move(writing);
    reply_written(request, written);
}

void on_write(fuse_req_t request, fuse_ino_t inode, const char* data, std::size_t size, off_t offset,
              fuse_file_info* info) {
    Dispatcher& dispatcher = Dispatcher::of(request);
    const auto position = static_cast<std::uint64_t>(offset);
    dispatcher.writers.active(InodeNumber{inode});
    // What the kernel writes back from its page cache has its times told by SETATTR, before or after.
    std::optional<fs::Timestamp> now;
    if (!info->writepage) now = fs::Timestamp::now();
    const ByteSpan bytes{reinterpret_cast<const std::byte*>(data), size};
    if (const auto written = dispatcher.filesystem.try_write(InodeNumber{inode}, position, bytes, now)) {
        return reply_written(request, *written);
    }
    // The receive buffer is used again for the next request.
    spawn_request(dispatcher, request,
                  write_and_answer(request, InodeNumber{inode}, position, SharedBytes::copy_of(bytes), now));
}

// --- flush, fsync --------------------------------------------------------------------------------

void on_flush(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
    Dispatcher& dispatcher = Dispatcher::of(request);
    dispatcher.writers.flushed(fs::HandleId{info->fh});
    reply_nothing(request, dispatcher.filesystem.close_result(InodeNumber{inode}));
}

// After a sync.
bool allocation_changed(Dispatcher& dispatcher, InodeNumber inode) {
    const auto attributes = dispatcher.filesystem.try_run(fs::GetAttributes{inode});
    return !attributes || !*attributes ||
           dispatcher.writers.allocation_changed(inode, (*attributes)->allocated_bytes);
}

boost::asio::awaitable<void> sync_and_answer(fuse_req_t request, InodeNumber inode) {
    Dispatcher& dispatcher = Dispatcher::of(request);
    auto syncing = dispatcher.filesystem.sync(inode);
    const Result<fs::Nothing> done = co_await std::move(syncing);
    if (allocation_changed(dispatcher, inode)) dispatcher.forget_attributes(inode);
    reply_nothing(request, done);
}

void on_fsync(fuse_req_t request, fuse_ino_t inode, int, fuse_file_info*) {
    spawn_request(Dispatcher::of(request), request, sync_and_answer(request, InodeNumber{inode}));
}

}  // namespace

void add_file_operations(fuse_lowlevel_ops& table) {
    table.create = on_create;
    table.open = on_open;
    table.release = on_release;
    table.read = on_read;
    table.write = on_write;
    table.flush = on_flush;
    table.fsync = on_fsync;
    table.fsyncdir = on_fsync;
}

}  // namespace demofs::fuse
