// An owned file descriptor, and a few system calls on one.
#pragma once

#include <filesystem>
#include <utility>

namespace demofs::store {

class FileDescriptor {
  public:
    FileDescriptor() noexcept = default;
    explicit FileDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}
    FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor();

    [[nodiscard]] int get() const noexcept { return descriptor_; }
    /// Gives the descriptor away: to a stream that closes it itself.
    int release() noexcept { return std::exchange(descriptor_, -1); }
    explicit operator bool() const noexcept { return descriptor_ >= 0; }

    /// Closes now; returns 0 or the errno of close. The descriptor is gone either way.
    int close() noexcept;

  private:
    int descriptor_ = -1;
};

/// Throws Error if the directory cannot be opened.
[[nodiscard]] FileDescriptor open_directory(const std::filesystem::path& path);

/// Makes the names in a directory durable: what was made, renamed or removed there. `path` is for the message
/// of the Error that is thrown if it fails.
void sync_directory(const FileDescriptor& directory, const std::filesystem::path& path);
void sync_directory(const std::filesystem::path& path);

}  // namespace demofs::store
