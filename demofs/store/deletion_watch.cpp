#include "demofs/store/deletion_watch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "demofs/base/error.hpp"
#include "demofs/store/file_descriptor.hpp"

namespace demofs::store {

namespace {

constexpr time_t grain_seconds = 2;

bool same(const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

struct Look {
    bool folder_deleted = false;
    bool file_deleted = false;
    timespec changed{};
    bool settled = false;                                  // no change can hide behind this time any more
    std::optional<std::unordered_set<std::string>> names;  // if they may have changed
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

// Blocks: on a worker.
Look look(int folder, int file, const timespec& unchanged_since, const std::string& path) {
    Look seen;
    struct stat status{};
    if (file >= 0) {
        if (::fstat(file, &status) != 0) throw Error(errno, "Cannot examine a file in " + path);
        seen.file_deleted = status.st_nlink == 0;
    }
    if (::fstat(folder, &status) != 0) throw Error(errno, "Cannot examine directory " + path);
    seen.folder_deleted = status.st_nlink == 0;
    seen.changed = status.st_mtim;
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    seen.settled = now.tv_sec - seen.changed.tv_sec > grain_seconds;
    if (!seen.folder_deleted && !same(seen.changed, unchanged_since)) seen.names = names_in(folder, path);
    return seen;
}

}  // namespace

boost::asio::awaitable<void> DeletionWatch::check(WorkerPool& pool, int folder, int file, std::string path) {
    const timespec unchanged_since = unchanged_since_;
    const std::uint64_t made_before = made_;
    const auto job = [&] { return look(folder, file, unchanged_since, path); };
    const Look seen = co_await pool.run(job);
    if (seen.folder_deleted)
        throw Error(std::errc::io_error, "The directory " + path + " was deleted while the vault is in use");
    if (seen.file_deleted)
        throw Error(std::errc::io_error,
                    "The file being written in " + path + " was deleted while the vault is in use");
    if (!seen.names) co_return;
    if (made_ != made_before) co_return;  // the list may be older than the newest name: the next check tells
    for (const std::string& name : expected_) {
        if (!seen.names->contains(name))
            throw Error(std::errc::io_error,
                        "The file " + path + "/" + name + " was deleted while the vault is in use");
    }
    unchanged_since_ = seen.settled ? seen.changed : timespec{};
}

}  // namespace demofs::store
