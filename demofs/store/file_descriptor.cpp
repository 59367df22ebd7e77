// System calls on descriptors, and what their failures mean.
#include "demofs/store/file_descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "demofs/base/error.hpp"

namespace demofs::store {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
        close();
        descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
}

FileDescriptor::~FileDescriptor() {
    close();
}

int FileDescriptor::close() noexcept {
    const int descriptor = std::exchange(descriptor_, -1);
    return descriptor < 0 || ::close(descriptor) == 0 ? 0 : errno;
}

FileDescriptor open_directory(const std::filesystem::path& path) {
    FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) throw Error(errno, "Cannot open directory " + path.string());
    return directory;
}

void sync_directory(const FileDescriptor& directory, const std::filesystem::path& path) {
    if (::fsync(directory.get()) != 0)
        throw Error(errno, "Cannot make changes in " + path.string() + " durable");
}

void sync_directory(const std::filesystem::path& path) {
    const FileDescriptor directory = open_directory(path);
    sync_directory(directory, path);
}

std::optional<std::size_t> read_cached(int descriptor, std::uint64_t offset, MutableByteSpan out,
                                       bool& supported) noexcept {
    if (!supported) return std::nullopt;
    iovec target{out.data(), out.size()};
    const ssize_t count = ::preadv2(descriptor, &target, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    if (count < 0) {
        if (errno == EOPNOTSUPP || errno == ENOSYS) supported = false;
        return std::nullopt;
    }
    const auto size = static_cast<std::size_t>(count);
    if (size == out.size()) return size;
    // Fewer bytes: the end of the file, or of what is cached.
    struct stat file;
    if (::fstat(descriptor, &file) != 0 || offset + size < static_cast<std::uint64_t>(file.st_size)) {
        return std::nullopt;
    }
    return size;
}

}  // namespace demofs::store
