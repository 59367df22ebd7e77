// System calls, each relative to a directory that was opened name by name.
#include "demofs/app/output_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "demofs/app/failure.hpp"
#include "demofs/base/error.hpp"

namespace demofs::app {

namespace asio = boost::asio;
namespace files = std::filesystem;

namespace {

constexpr mode_t all_bits = 07777;
constexpr mode_t permission_bits = 0777;

std::string name_in(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

std::array<timespec, 2> times_of(const fs::OutputAttributes& attributes) {
    std::array<timespec, 2> times{};
    times[0].tv_sec = attributes.accessed.seconds;
    times[0].tv_nsec = attributes.accessed.nanoseconds;
    times[1].tv_sec = attributes.modified.seconds;
    times[1].tv_nsec = attributes.modified.nanoseconds;
    return times;
}

bool keeps_owners() {
    return ::geteuid() == 0;
}

bool is_inside(const files::path& path, const files::path& folder) {
    const auto difference = std::ranges::mismatch(folder, path);
    return difference.in1 == folder.end();
}

}  // namespace

void require_usable_output(const std::string& folder, const std::string& vault) {
    if (folder.empty()) throw Failure(exit_usage, "the folder to salvage into needs a name");
    std::error_code error;
    const files::path plain = files::weakly_canonical(files::absolute(folder), error);
    if (error) throw Failure(exit_failure, "the folder " + folder + " cannot be made: " + error.message());
    if (is_inside(plain, vault))
        throw Failure(exit_usage,
                      folder + " lies in the vault, which is not written to: choose another folder");
    const files::file_status status = files::symlink_status(folder, error);
    if (!files::exists(status)) {
        const files::path parent = plain.parent_path();
        if (::access(parent.c_str(), W_OK | X_OK) == 0) return;
        throw Failure(exit_failure,
                      "the folder " + folder + " cannot be made: " + std::generic_category().message(errno));
    }
    if (files::is_symlink(status))
        throw Failure(exit_failure, folder + " is a symbolic link, which is not followed");
    if (!files::is_directory(status)) throw Failure(exit_failure, folder + " exists and is not a folder");
    const bool is_empty = files::is_empty(folder, error);
    if (error) throw Failure(exit_failure, "the folder " + folder + " cannot be read: " + error.message());
    if (!is_empty) throw Failure(exit_failure, folder + " is not empty; choose a new or an empty folder");
}

OutputFolder::OutputFolder(asyncdrop::Passkey<OutputFolder>, WorkerPool& pool, std::string path,
                           store::FileDescriptor root)
    : pool_(pool), path_(std::move(path)), root_(std::move(root)) {}

asio::awaitable<asyncdrop::AsyncDropBox<OutputFolder>> OutputFolder::open(WorkerPool& pool,
                                                                          std::string path) {
    const auto job = [&path] {
        const bool made = ::mkdir(path.c_str(), S_IRWXU) == 0;
        if (!made && errno != EEXIST) throw Error(errno, "The folder " + path + " cannot be made");
        store::FileDescriptor root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (!root) throw Error(errno, "The folder " + path + " cannot be opened");
        // What comes out of a vault is nobody else's business.
        if (::fchmod(root.get(), S_IRWXU) != 0)
            throw Error(errno, "The folder " + path + " cannot be closed to other users");
        if (!made && !files::is_empty(path))
            throw Error::saying(std::errc::directory_not_empty, "The folder " + path + " is not empty.");
        return root;
    };
    store::FileDescriptor root = co_await pool.run(job);
    co_return asyncdrop::make_box<OutputFolder>(pool, std::move(path), std::move(root));
}

// --- directories ---------------------------------------------------------------------------------

store::FileDescriptor OutputFolder::open_directory(const std::string& path) const {
    store::FileDescriptor at(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
    for (std::size_t begin = 0; at && begin < path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string name = path.substr(begin, end - begin);
        at = store::FileDescriptor(
            ::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        begin = end + 1;
    }
    if (!at) throw Error(errno, "The folder " + described(path) + " cannot be opened");
    return at;
}

// The open directory that has, or will have, the name. Most names follow one that is in the same.
const store::FileDescriptor& OutputFolder::directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return root_;
    std::string above = path.substr(0, slash);
    if (!recent_ || above != recent_path_) {
        recent_ = open_directory(above);
        recent_path_ = std::move(above);
    }
    return recent_;
}

asio::awaitable<void> OutputFolder::make_directory(std::string path) {
    const auto job = [this, &path] {
        if (::mkdirat(directory_of(path).get(), name_in(path).c_str(), S_IRWXU) != 0)
            throw Error(errno, "The folder " + described(path) + " cannot be made");
    };
    co_await pool_.run(job);
}

asio::awaitable<void> OutputFolder::finish_directory(std::string path, fs::OutputAttributes attributes) {
    const auto job = [this, &path, &attributes] {
        const store::FileDescriptor directory = open_directory(path);
        keep_attributes(directory.get(), path, attributes);
    };
    co_await pool_.run(job);
}

// --- files ---------------------------------------------------------------------------------------

asio::awaitable<void> OutputFolder::create_file(std::string path) {
    const auto job = [this, &path] {
        constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
        store::FileDescriptor made(
            ::openat(directory_of(path).get(), name_in(path).c_str(), flags, S_IRUSR | S_IWUSR));
        if (!made) throw Error(errno, "The file " + described(path) + " cannot be made");
        file_ = std::move(made);
        file_path_ = path;
    };
    co_await pool_.run(job);
}

asio::awaitable<void> OutputFolder::write(std::uint64_t offset, std::vector<SharedBytes> pieces) {
    const auto job = [this, offset, &pieces] {
        std::uint64_t at = offset;
        for (const SharedBytes& piece : pieces) {
            for (ByteSpan left = piece; !left.empty();) {
                const ssize_t written =
                    ::pwrite(file_.get(), left.data(), left.size(), static_cast<off_t>(at));
                if (written < 0 && errno == EINTR) continue;
                if (written < 0)
                    throw Error(errno, "The file " + described(file_path_) + " cannot be written");
                left = left.subspan(static_cast<std::size_t>(written));
                at += static_cast<std::uint64_t>(written);
            }
        }
    };
    co_await pool_.run(job);
}

asio::awaitable<void> OutputFolder::finish_file(std::uint64_t size_bytes,
                                                std::optional<fs::OutputAttributes> attributes) {
    const auto job = [this, size_bytes, &attributes] {
        struct stat status{};
        const std::string what = "The file " + described(file_path_) + " cannot be finished";
        if (::fstat(file_.get(), &status) != 0) throw Error(errno, what);
        if (static_cast<std::uint64_t>(status.st_size) < size_bytes &&
            ::ftruncate(file_.get(), static_cast<off_t>(size_bytes)) != 0)
            throw Error(errno, what);
        if (attributes) keep_attributes(file_.get(), file_path_, *attributes);
        const int error = file_.close();
        if (error != 0) throw Error(error, what);
    };
    co_await pool_.run(job);
}

void OutputFolder::keep_attributes(int file, const std::string& path,
                                   const fs::OutputAttributes& attributes) const {
    const bool owned = keeps_owners() && ::fchown(file, attributes.uid, attributes.gid) == 0;
    const std::array<timespec, 2> times = times_of(attributes);
    if (::fchmod(file, attributes.mode & (owned ? all_bits : permission_bits)) != 0 ||
        ::futimens(file, times.data()) != 0)
        throw Error(errno, "The attributes of " + described(path) + " cannot be set");
}

// --- others --------------------------------------------------------------------------------------

// Of what cannot be opened.
void OutputFolder::keep_attributes_of_name(const std::string& path, const fs::OutputAttributes& attributes,
                                           bool has_mode) {
    const int directory = directory_of(path).get();
    const std::string name = name_in(path);
    const bool owned = keeps_owners() && ::fchownat(directory, name.c_str(), attributes.uid, attributes.gid,
                                                    AT_SYMLINK_NOFOLLOW) == 0;
    const mode_t mode = attributes.mode & (owned ? all_bits : permission_bits);
    const std::array<timespec, 2> times = times_of(attributes);
    if ((has_mode && ::fchmodat(directory, name.c_str(), mode, 0) != 0) ||
        ::utimensat(directory, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
        throw Error(errno, "The attributes of " + described(path) + " cannot be set");
}

asio::awaitable<void> OutputFolder::make_symlink(std::string path, std::string target,
                                                 std::optional<fs::OutputAttributes> attributes) {
    const auto job = [this, &path, &target, &attributes] {
        if (::symlinkat(target.c_str(), directory_of(path).get(), name_in(path).c_str()) != 0)
            throw Error(errno, "The symbolic link " + described(path) + " cannot be made");
        if (attributes) keep_attributes_of_name(path, *attributes, false);
    };
    co_await pool_.run(job);
}

asio::awaitable<void> OutputFolder::make_special(std::string path, std::uint32_t type, std::uint32_t device,
                                                 std::optional<fs::OutputAttributes> attributes) {
    const auto job = [this, &path, type, device, &attributes] {
        const mode_t mode = type | S_IRUSR | S_IWUSR;
        if (::mknodat(directory_of(path).get(), name_in(path).c_str(), mode, device) != 0)
            throw Error(errno, described(path) + " cannot be made");
        if (attributes) keep_attributes_of_name(path, *attributes, true);
    };
    co_await pool_.run(job);
}

asio::awaitable<void> OutputFolder::make_link(std::string existing, std::string path) {
    const auto job = [this, &existing, &path] {
        // A descriptor of its own: directory_of() keeps one at a time.
        const std::size_t slash = existing.rfind('/');
        const store::FileDescriptor from =
            open_directory(slash == std::string::npos ? std::string() : existing.substr(0, slash));
        const int to = directory_of(path).get();
        if (::linkat(from.get(), name_in(existing).c_str(), to, name_in(path).c_str(), 0) != 0)
            throw Error(errno, "The link " + described(path) + " cannot be made");
    };
    co_await pool_.run(job);
}

asio::awaitable<void> OutputFolder::async_drop_impl() {
    const auto job = [this] {
        const int error = ::syncfs(root_.get()) == 0 ? 0 : errno;
        file_ = store::FileDescriptor();
        recent_ = store::FileDescriptor();
        root_ = store::FileDescriptor();
        if (error != 0) throw Error(error, "What is in " + path_ + " cannot be made durable");
    };
    co_await pool_.run(job);
}

}  // namespace demofs::app
