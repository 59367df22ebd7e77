// System calls on descriptors, and what their failures mean.
#include "demofs/store/file_descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
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

}  // namespace demofs::store
