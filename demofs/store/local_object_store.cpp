// The directory behind the store: locking, creating, opening, listing and removing files, on workers; and the
// reads, which go through the IoEngine.
#include "demofs/store/local_object_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <asyncdrop/even_if_cancelled.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/store/local_directory.hpp"
#include "demofs/store/local_object_writer.hpp"

namespace demofs::store {
namespace {

// The functions in this namespace block: they run on a worker.

void lock_vault(const LocalDirectory& directory, LocalAccess access) {
    if (access == LocalAccess::read_only_beside_writer) return;
    const int kind = access == LocalAccess::read_write ? LOCK_EX : LOCK_SH;
    while (::flock(directory.vault_descriptor.get(), kind | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) throw Error(errno, "Cannot lock vault " + directory.vault.string());
        throw Error(Errc::vault_in_use, "The vault " + directory.vault.string() +
                                            " is in use: another process has it mounted or is checking it.");
    }
}

struct Listing {
    std::vector<ObjectInfo> objects;
    std::size_t ignored = 0;
};

Listing list_files(const LocalDirectory& directory);

/// What earlier writers have left in a file is durable from here on, or is not seen any more.
///
/// After a kill -9 their last bytes may be in the page cache only: the sync writes them. After a failed sync
/// they may be there and *nowhere else*, because the kernel keeps pages that it could not write, marked as
/// written: no later sync tries again, and each one succeeds. Only what is read past the cache proves anything,
/// so the pages are dropped; files that are read directly are not asked for them anyway. The failure itself is
/// told once, to whoever syncs next: it may be the last writer's, so only a second one is today's.
void settle(const LocalDirectory& directory, const std::string& name, const FileDescriptor& file) {
    if (::fdatasync(file.get()) != 0 && ::fdatasync(file.get()) != 0)
        throw Error(errno, "Cannot make " + directory.path_of(name) + " durable");
    if (const int error = ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED); error != 0)
        throw Error(error, "Cannot drop " + directory.path_of(name) + " from the page cache");
}

void settle_unsealed(const LocalDirectory& directory) {
    for (const ObjectInfo& object : list_files(directory).objects) {
        struct stat status;
        const int objects = directory.objects_descriptor.get();
        if (::fstatat(objects, object.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // vanished
        if ((status.st_mode & S_IWUSR) == 0) continue;  // sealed: synced before that
        const FileDescriptor file(::openat(objects, object.name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (!file) continue;  // a reader will say why
        settle(directory, object.name, file);
    }
}

void open_vault(LocalDirectory& directory, LocalAccess access) {
    directory.vault_descriptor = open_directory(directory.vault);
    lock_vault(directory, access);
    const int objects =
        ::openat(directory.vault_descriptor.get(), "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (objects < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        throw Error(Errc::not_a_vault,
                    directory.vault.string() + " is not a vault: it has no objects directory.");
    }
    if (objects < 0) throw Error(errno, "Cannot open directory " + directory.objects.string());
    directory.objects_descriptor = FileDescriptor(objects);
    if (access == LocalAccess::read_write && ::faccessat(objects, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
        throw Error(errno, "Cannot write in directory " + directory.objects.string());
    }
    directory.watch.begin(objects);
    if (access == LocalAccess::read_write) settle_unsealed(directory);
}

void make_objects_directory(const std::filesystem::path& vault) {
    const FileDescriptor directory = open_directory(vault);
    if (::mkdirat(directory.get(), "objects", S_IRWXU) != 0 && errno != EEXIST) {
        throw Error(errno, "Cannot make directory " + (vault / "objects").string());
    }
    sync_directory(directory, vault);
}

DataFile create_file(const LocalDirectory& directory, const std::string& name) {
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    FileDescriptor file(::openat(directory.objects_descriptor.get(), name.c_str(), flags, S_IRUSR | S_IWUSR));
    if (!file) throw Error(errno, "Cannot create " + directory.path_of(name));
    if (::fsync(file.get()) != 0) throw Error(errno, "Cannot make " + directory.path_of(name) + " durable");
    sync_directory(directory.objects_descriptor, directory.objects);
    return DataFile(std::move(file), directory.direct);
}

OpenFileCache::File open_file(const LocalDirectory& directory, const std::string& name) {
    FileDescriptor file(
        ::openat(directory.objects_descriptor.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) throw Error(errno, "Cannot open " + directory.path_of(name));
    return std::make_shared<const DataFile>(std::move(file), directory.direct);
}

void remove_file(const LocalDirectory& directory, const std::string& name) {
    if (::unlinkat(directory.objects_descriptor.get(), name.c_str(), 0) != 0) {
        throw Error(errno, "Cannot remove " + directory.path_of(name));
    }
    sync_directory(directory.objects_descriptor, directory.objects);
}

/// One entry of the directory; an entry that has vanished since is neither an object nor ignored.
void list_entry(const LocalDirectory& directory, const std::string& name, Listing& listing) {
    struct stat file;
    if (::fstatat(directory.objects_descriptor.get(), name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return;
        throw Error(errno, "Cannot examine " + directory.path_of(name));
    }
    if (is_object_name(name) && S_ISREG(file.st_mode)) {
        listing.objects.push_back({name, static_cast<std::uint64_t>(file.st_size)});
    } else {
        ++listing.ignored;
    }
}

Listing list_files(const LocalDirectory& directory) {
    // A descriptor of its own: the position in the directory is the stream's.
    FileDescriptor descriptor(
        ::openat(directory.objects_descriptor.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!descriptor) throw Error(errno, "Cannot open directory " + directory.objects.string());
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(descriptor.get()), &::closedir);
    if (!stream) throw Error(errno, "Cannot list directory " + directory.objects.string());
    descriptor.release();  // the stream closes it
    Listing listing;
    while (true) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        if (entry == nullptr) break;
        const std::string name = entry->d_name;
        if (name != "." && name != "..") list_entry(directory, name, listing);
    }
    if (errno != 0) throw Error(errno, "Cannot list directory " + directory.objects.string());
    return listing;
}

StoreSpace space_of(const LocalDirectory& directory) {
    struct statvfs medium;
    if (::fstatvfs(directory.objects_descriptor.get(), &medium) != 0) {
        throw Error(errno, "Cannot ask for the free space of " + directory.objects.string());
    }
    StoreSpace space;
    space.total_bytes = std::uint64_t{medium.f_blocks} * medium.f_frsize;
    space.free_bytes = std::uint64_t{medium.f_bavail} * medium.f_frsize;
    return space;
}

}  // namespace

LocalObjectStore::LocalObjectStore(asyncdrop::Passkey<LocalObjectStore>,
                                   std::shared_ptr<LocalDirectory> directory,
                                   const LocalStoreOptions& options)
    : directory_(std::move(directory)), access_(options.access), open_files_(options.max_open_files) {
    directory_->watch.set_on_strangers(options.on_strangers);
    directory_->operations = options.operations;
}

asio::awaitable<void> LocalObjectStore::initialize(WorkerPool& pool, std::filesystem::path vault) {
    const auto job = [&vault] { make_objects_directory(vault); };
    co_await pool.run(job);
}

asio::awaitable<asyncdrop::AsyncDropBox<LocalObjectStore>> LocalObjectStore::open(IoEngine& io,
                                                                                  WorkerPool& pool,
                                                                                  std::filesystem::path vault,
                                                                                  LocalStoreOptions options) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto directory =
        std::make_shared<LocalDirectory>(io, pool, std::move(executor), std::move(vault), options.direct);
    const auto job = [&] { open_vault(*directory, options.access); };
    co_await pool.run(job);
    co_return asyncdrop::make_box<LocalObjectStore>(std::move(directory), options);
}

void LocalObjectStore::require_writable(const std::string& action, const std::string& object) const {
    if (access_ == LocalAccess::read_write) return;
    throw Error(std::errc::read_only_file_system, "Cannot " + action + " " + directory_->path_of(object));
}

asio::awaitable<asyncdrop::AsyncDropBox<ObjectWriter>> LocalObjectStore::create(std::string name) {
    require_object_name(name);
    require_writable("create", name);
    const OperationWatch::Entry watched(directory_->operations, OperationKind::create, name);
    const auto job = [&] { return create_file(*directory_, name); };
    directory_->watch.making(name);
    DataFile file = co_await directory_->pool.run(job);
    directory_->watch.expect(name);
    co_return asyncdrop::make_box<LocalObjectWriter>(directory_, name, std::move(file));
}

// What may be read of an object that is being written: not what its writer has written ahead.
MutableByteSpan LocalObjectStore::within_object(const std::string& name, std::uint64_t offset,
                                                MutableByteSpan out) const {
    const auto writer = directory_->being_written.find(name);
    if (writer == directory_->being_written.end() || writer->second->failed()) return out;
    const std::uint64_t size = writer->second->size();
    return out.first(std::min<std::uint64_t>(out.size(), size - std::min(size, offset)));
}

std::optional<std::size_t> LocalObjectStore::try_read(const std::string& name, std::uint64_t offset,
                                                      MutableByteSpan out) noexcept {
    const OpenFileCache::File file = open_files_.find(name);
    if (!file || file->direct()) return std::nullopt;
    return read_cached(file->get(), offset, within_object(name, offset, out), cached_reads_supported_);
}

asio::awaitable<std::size_t> LocalObjectStore::read(std::string name, std::uint64_t offset,
                                                    MutableByteSpan out) {
    require_object_name(name);
    out = within_object(name, offset, out);
    const OperationWatch::Entry watched(directory_->operations, OperationKind::read, name);
    OpenFileCache::File file = open_files_.find(name);
    if (!file) {
        const std::uint64_t removals_before = removals_;
        const auto job = [&] { return open_file(*directory_, name); };
        file = co_await directory_->pool.run(job);
        if (removals_ == removals_before) open_files_.insert(name, file);
    }
    try {
        co_return co_await read_file(directory_->io, directory_->pages, *file, offset, out);
    } catch (const std::system_error& error) {
        throw Error(error.code(), "Cannot read from " + directory_->path_of(name));
    }
}

asio::awaitable<std::vector<ObjectInfo>> LocalObjectStore::list() {
    const OperationWatch::Entry watched(directory_->operations, OperationKind::list, "");
    const auto job = [this] { return list_files(*directory_); };
    Listing listing = co_await directory_->pool.run(job);
    ignored_entries_ = listing.ignored;
    for (ObjectInfo& object : listing.objects) {
        if (access_ == LocalAccess::read_write) directory_->watch.expect(object.name);
        const auto writer = directory_->being_written.find(object.name);
        if (writer != directory_->being_written.end()) object.size_bytes = writer->second->size();
    }
    co_return std::move(listing.objects);
}

asio::awaitable<void> LocalObjectStore::remove(std::string name) {
    require_object_name(name);
    require_writable("remove", name);
    if (directory_->being_written.contains(name)) {
        throw Error(std::errc::device_or_resource_busy, "Cannot remove " + directory_->path_of(name));
    }
    directory_->watch.forget(name);
    const OperationWatch::Entry watched(directory_->operations, OperationKind::remove, name);
    const auto job = [&] { remove_file(*directory_, name); };
    std::exception_ptr error;
    try {
        co_await directory_->pool.run(job);
    } catch (...) {
        error = std::current_exception();
    }
    ++removals_;
    open_files_.erase(name);  // also after a failure: the name may be gone
    if (error) std::rethrow_exception(error);
}

asio::awaitable<StoreSpace> LocalObjectStore::space() {
    const OperationWatch::Entry watched(directory_->operations, OperationKind::space, "");
    const auto job = [this] { return space_of(*directory_); };
    co_return co_await directory_->pool.run(job);
}

std::string LocalObjectStore::name() const {
    return "directory " + directory_->vault.string();
}

asio::awaitable<void> LocalObjectStore::async_drop_impl() {
    const OperationWatch::Entry watched(directory_->operations, OperationKind::close_store, "");
    std::exception_ptr deleted;
    try {
        if (access_ == LocalAccess::read_write) co_await directory_->check_folder();
    } catch (...) {
        deleted = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    // Closing a file may ask a server, where the vault lies on one.
    const auto close = [this] {
        open_files_.clear();
        directory_->objects_descriptor.close();
        directory_->vault_descriptor.close();
    };
    co_await directory_->pool.run(close);
    if (!directory_->being_written.empty()) {
        throw std::logic_error("The store in " + directory_->vault.string() +
                               " was dropped before its writers.");
    }
    if (deleted) std::rethrow_exception(deleted);
}

}  // namespace demofs::store
