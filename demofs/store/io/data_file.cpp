// Asks the kernel whether a file can do direct input and output, and reads files of both kinds.
#include "demofs/store/io/data_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cerrno>

#include "demofs/store/io/paged_range.hpp"

namespace demofs::store {
namespace {

// The kernel tells since Linux 6.1 for the filesystems that can; the others use the page cache.
bool make_direct(int file) noexcept {
#ifdef STATX_DIOALIGN
    struct statx status{};
    if (::statx(file, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) != 0) return false;
    if ((status.stx_mask & STATX_DIOALIGN) == 0 || status.stx_dio_offset_align == 0) return false;
    if (page_bytes % status.stx_dio_offset_align != 0 || page_bytes % status.stx_dio_mem_align != 0)
        return false;
    const int flags = ::fcntl(file, F_GETFL);
    return flags >= 0 && ::fcntl(file, F_SETFL, flags | O_DIRECT) == 0;
#else
    static_cast<void>(file);
    return false;
#endif
}

}  // namespace

DataFile::DataFile(FileDescriptor descriptor, bool want_direct)
    : descriptor_(std::move(descriptor)), direct_(want_direct && make_direct(descriptor_.get())) {}

asio::awaitable<std::size_t> read_file(IoEngine& engine, PagePool& pages, const DataFile& file,
                                       std::uint64_t offset, MutableByteSpan out) {
    if (out.empty()) co_return 0;
    if (!file.direct()) {
        iovec piece{out.data(), out.size()};
        IoOperation operation(IoOperation::Kind::read, file.get(), offset, std::span(&piece, 1));
        co_return co_await run_fully(engine, operation);
    }
    PagedRange range(pages, offset, out);
    IoOperation operation(IoOperation::Kind::read, file.get(), range.begin(), range.pieces());
    const std::size_t size = co_await run_fully(engine, operation);
    co_return range.finish_read(size);
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
