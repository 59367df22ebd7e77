#include "lock_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "blocking.hpp"

namespace shared_creation {

asio::awaitable<asyncdrop::AsyncDropBox<LockFile>> LockFile::acquire(asio::any_io_executor disk,
                                                                     std::string file) {
    asio::awaitable<void> making = make(file);
    co_await run_blocking(disk, std::move(making));
    co_return asyncdrop::make_box<LockFile>(std::move(disk), std::move(file));
}

LockFile::LockFile(asyncdrop::Passkey<LockFile>, asio::any_io_executor disk, std::string file)
    : disk_(std::move(disk)), file_(std::move(file)) {}

asio::awaitable<void> LockFile::async_drop_impl() {
    asio::awaitable<void> removing = remove(file_);
    co_await run_blocking(disk_, std::move(removing));
}

asio::awaitable<void> LockFile::make(std::string file) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), file);
    ::close(descriptor);
    co_return;
}

asio::awaitable<void> LockFile::remove(std::string file) {
    if (::unlink(file.c_str()) != 0) throw std::system_error(errno, std::generic_category(), file);
    co_return;
}

}  // namespace shared_creation
