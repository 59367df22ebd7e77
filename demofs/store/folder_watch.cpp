#include "demofs/store/folder_watch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "demofs/base/error.hpp"
#include "demofs/store/file_descriptor.hpp"
#include "demofs/store/object_store.hpp"

namespace demofs::store {

namespace {

using std::chrono::nanoseconds;

// A local filesystem takes times from the kernel's tick, which comes 100 times a second or more often. Others
// keep whole seconds or two, as may any whose time has no fraction.
constexpr nanoseconds tick_grain = std::chrono::milliseconds(100);
constexpr nanoseconds coarse_grain = std::chrono::seconds(3);

struct Look {
    bool folder_deleted = false;
    bool file_deleted = false;
    nanoseconds changed{};
    bool settled = false;  // no change can hide behind this time any more
};

std::unordered_set<std::string> names_in(int folder, const std::string& path) {
    // A descriptor of its own: the position in the folder is the stream's.
    FileDescriptor descriptor(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!descriptor) throw Error(errno, "Cannot open directory " + path);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(descriptor.get()), &::closedir);
    if (!stream) throw Error(errno, "Cannot list directory " + path);
    descriptor.release();  // the stream closes it
    std::unordered_set<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream.get())) names.emplace(entry->d_name);
    if (errno != 0) throw Error(errno, "Cannot list directory " + path);
    return names;
}

// Only what is needed: a filesystem that has told a file's times gives the next write a time of its own
// (multigrain timestamps, Linux 6.13), and with that each sync would have to write the inode, too.
struct statx ask(int descriptor, unsigned wanted, const std::string& failure) {
    struct statx status{};
    if (::statx(descriptor, "", AT_EMPTY_PATH, wanted, &status) != 0) throw Error(errno, failure);
    return status;
}

Look look(int folder, int file, bool local, const std::string& path) {
    Look seen;
    if (file >= 0)
        seen.file_deleted = ask(file, STATX_NLINK, "Cannot examine a file in " + path).stx_nlink == 0;
    const struct statx status = ask(folder, STATX_NLINK | STATX_MTIME, "Cannot examine directory " + path);
    seen.folder_deleted = status.stx_nlink == 0;
    seen.changed = std::chrono::seconds(status.stx_mtime.tv_sec) + nanoseconds(status.stx_mtime.tv_nsec);
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const nanoseconds grain = local && status.stx_mtime.tv_nsec != 0 ? tick_grain : coarse_grain;
    seen.settled = std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec) - seen.changed > grain;
    return seen;
}

}  // namespace

void FolderWatch::begin(int folder) noexcept {
    constexpr std::array<long, 5> known{EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                        F2FS_SUPER_MAGIC, TMPFS_MAGIC};
    struct statfs filesystem{};
    local_ =
        ::fstatfs(folder, &filesystem) == 0 && std::ranges::find(known, filesystem.f_type) != known.end();
}

boost::asio::awaitable<void> FolderWatch::check(WorkerPool& pool, int folder, int file, std::string path) {
    const std::uint64_t made_before = made_;
    const auto looking = [&, local = local_] { return look(folder, file, local, path); };
    Look seen;
    if (local_) {
        seen = looking();
    } else {
        seen = co_await pool.run(looking);
    }
    if (seen.folder_deleted)
        throw Error(std::errc::io_error, "The directory " + path + " was deleted while the vault is in use");
    if (seen.file_deleted)
        throw Error(std::errc::io_error,
                    "The file being written in " + path + " was deleted while the vault is in use");
    if (seen.changed == unchanged_since_) co_return;
    const auto listing = [&] { return names_in(folder, path); };
    const std::unordered_set<std::string> names = co_await pool.run(listing);
    if (made_ != made_before) co_return;  // the list may be older than the newest name: the next check tells
    for (const std::string& name : expected_) {
        if (!names.contains(name))
            throw Error(std::errc::io_error,
                        "The file " + path + "/" + name + " was deleted while the vault is in use");
    }
    look_for_strangers(names);
    unchanged_since_ = seen.settled ? std::optional(seen.changed) : std::nullopt;
}

void FolderWatch::look_for_strangers(const std::unordered_set<std::string>& names) {
    if (!on_strangers_) return;
    std::vector<std::string> strangers;
    for (const std::string& name : names) {
        if (!known_.contains(name) && is_object_name(name)) strangers.push_back(name);
    }
    if (strangers.empty()) return;
    known_.insert(strangers.begin(), strangers.end());
    on_strangers_(std::move(strangers));
}

}  // namespace demofs::store
