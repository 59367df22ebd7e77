// An object's file, open for reading or for writing, directly or through the page cache.
//
// Threads: constant once opened; opening and the choice block, so they belong on a worker.

#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "demofs/base/bytes.hpp"
#include "demofs/store/file_descriptor.hpp"
#include "demofs/store/io/io_engine.hpp"
#include "demofs/store/io/page_pool.hpp"

namespace demofs::store {

class DataFile {
  public:
    DataFile() = default;
    /// Takes over `descriptor`. If `want_direct`, and the filesystem says that it can, input and output goes
    /// past the page cache from now on.
    DataFile(FileDescriptor descriptor, bool want_direct);

    [[nodiscard]] int get() const noexcept { return descriptor_.get(); }
    [[nodiscard]] bool direct() const noexcept { return direct_; }
    /// As FileDescriptor::close.
    int close() noexcept { return descriptor_.close(); }

  private:
    FileDescriptor descriptor_;
    bool direct_ = false;
};

/// Reads from `offset` into `out`, fewer bytes only at the end of the file, and returns their number. Of a
/// direct file whole pages are read; if `out` is congruent to `offset` (PagedRange) only their edges are
/// copied. `file` and `out` must stay valid until the end. Throws
/// std::system_error.
[[nodiscard]] asio::awaitable<std::size_t> read_file(IoEngine& engine, PagePool& pages, const DataFile& file,
                                                     std::uint64_t offset, MutableByteSpan out);

/// Reads what is in the page cache without waiting for the device: all of `out`, or up to the end of the
/// file. Nothing if that is impossible; `supported` becomes false if this file system can never do it.
[[nodiscard]] std::optional<std::size_t> read_cached(int descriptor, std::uint64_t offset,
                                                     MutableByteSpan out, bool& supported) noexcept;

}  // namespace demofs::store
