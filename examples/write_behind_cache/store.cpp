#include "store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace write_behind_cache {

namespace {

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

asio::awaitable<asyncdrop::AsyncDropBox<Store>> Store::open(asio::any_io_executor disk, std::string file,
                                                            Statistics& statistics) {
    asio::awaitable<int> opening = open_file(std::move(file));
    const int descriptor = co_await asio::co_spawn(disk, std::move(opening), asio::use_awaitable);
    co_return asyncdrop::make_box<Store>(std::move(disk), descriptor, statistics);
}

Store::Store(asyncdrop::Passkey<Store>, asio::any_io_executor disk, int descriptor, Statistics& statistics)
    : disk_(std::move(disk)), descriptor_(descriptor), statistics_(statistics) {}

Store::~Store() {
    ::close(descriptor_);  // the cleanup has made sure that nothing is left that could fail
}

asio::awaitable<Counters> Store::load() {
    asio::awaitable<std::string> reading = read_file(descriptor_);
    const std::string text = co_await asio::co_spawn(disk_, std::move(reading), asio::use_awaitable);
    Counters counters;
    std::istringstream lines(text);
    std::string key;
    std::uint64_t value = 0;
    while (lines >> key >> value) counters[key] = value;
    if (!lines.eof()) throw std::runtime_error("the store's file is damaged");
    size_ = static_cast<std::int64_t>(text.size());
    co_return counters;
}

asio::awaitable<void> Store::write(Counters changed) {
    std::string bytes;
    for (const auto& [key, value] : changed) bytes += key + ' ' + std::to_string(value) + '\n';
    const auto length = static_cast<std::int64_t>(bytes.size());
    asio::awaitable<void> writing = write_file(descriptor_, std::move(bytes), size_);
    torn_ = true;  // until it has succeeded; if it fails, the next one begins at the same place
    co_await asio::co_spawn(disk_, std::move(writing), asio::use_awaitable);
    torn_ = false;
    size_ += length;
    statistics_.writes += 1;
    statistics_.values += changed.size();
}

asio::awaitable<void> Store::async_drop_impl() {
    asio::awaitable<void> finishing = finish_file(descriptor_, torn_, size_);
    co_await asio::co_spawn(disk_, std::move(finishing), asio::use_awaitable);
}

// The functions below run on the disk's thread, which they block.

asio::awaitable<int> Store::open_file(std::string file) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) fail("the store cannot be opened");
    co_return descriptor;
}

asio::awaitable<std::string> Store::read_file(int descriptor) {
    struct stat status;
    if (::fstat(descriptor, &status) != 0) fail("the store cannot be examined");
    std::string text;
    std::array<char, 65536> chunk;
    while (S_ISREG(status.st_mode)) {  // a device has no past
        const ssize_t size =
            ::pread(descriptor, chunk.data(), chunk.size(), static_cast<std::int64_t>(text.size()));
        if (size < 0) fail("the store cannot be read");
        if (size == 0) break;
        text.append(chunk.data(), static_cast<std::size_t>(size));
    }
    co_return text;
}

asio::awaitable<void> Store::write_file(int descriptor, std::string bytes, std::int64_t offset) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t size = ::pwrite(descriptor, bytes.data() + done, bytes.size() - done,
                                      offset + static_cast<std::int64_t>(done));
        if (size < 0 && errno != EINTR) fail("the store cannot be written");
        if (size > 0) done += static_cast<std::size_t>(size);
    }
    co_return;
}

asio::awaitable<void> Store::finish_file(int descriptor, bool torn, std::int64_t size) {
    struct stat status;
    if (::fstat(descriptor, &status) != 0) fail("the store cannot be examined");
    if (!S_ISREG(status.st_mode)) co_return;
    if (torn && ::ftruncate(descriptor, size) != 0) fail("the store cannot be cut to its size");
    if (::fsync(descriptor) != 0) fail("the store cannot be synchronised");
    co_return;
}

}  // namespace write_behind_cache
