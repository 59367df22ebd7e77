// Where the bytes of one direct read or write lie in memory. Direct input and output moves whole pages of the
// file to and from whole pages of memory. A range of bytes may begin and end within a page: those edges go
// through borrowed pages. What lies between goes to or from the caller's memory itself if that is
// *congruent*: the address and the offset in the file have the same remainder modulo a page. Otherwise
// everything is copied.
//
// Threads: as the pool.

#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <optional>

#include "demofs/store/io/page_pool.hpp"

namespace demofs::store {

class PagedRange {
  public:
    /// The range that begins at `offset` of the file and is as long as `memory`, which is not empty and must
    /// outlive this object.
    PagedRange(PagePool& pool, std::uint64_t offset, MutableByteSpan memory);
    PagedRange(const PagedRange&) = delete;
    PagedRange& operator=(const PagedRange&) = delete;

    /// The pages in the file's order, for one operation at `begin()`.
    [[nodiscard]] std::span<iovec> pieces() noexcept { return std::span(pieces_).first(piece_count_); }
    [[nodiscard]] std::uint64_t begin() const noexcept { return page_floor(offset_); }
    [[nodiscard]] std::uint64_t end() const noexcept { return page_ceiling(offset_ + memory_.size()); }

    /// After a read of `size_bytes` from begin(): copies the edges, and returns how many bytes of the range
    /// were read.
    std::size_t finish_read(std::size_t size_bytes) noexcept;

    /// Before a write: fills the edges. The file's bytes in the first page before the range are those of
    /// `before`, which is as long as that part; behind the range follow zeros.
    void prepare_write(ByteSpan before) noexcept;

    /// After prepare_write: the bytes of the range, with those before it, in the page that it ends in the
    /// middle of; nothing if it ends with a page.
    [[nodiscard]] ByteSpan last_partial_page() const noexcept;

  private:
    // A part of the range that is copied, and the place of its first byte in borrowed pages.
    struct Copied {
        PagePool::Pages pages;
        std::size_t lead;   // of the pages before the range
        std::size_t begin;  // in the range
        std::size_t size;
        [[nodiscard]] std::byte* bytes() const noexcept { return pages.data() + lead; }
    };
    void add_copied(PagePool& pool, std::size_t begin, std::size_t size);

    std::uint64_t offset_;
    MutableByteSpan memory_;
    std::array<std::optional<Copied>, 2> copied_;
    std::size_t copied_count_ = 0;
    std::array<iovec, 3> pieces_{};
    std::size_t piece_count_ = 0;
};

/// Whether memory at `address` and offset `offset` of a file are congruent.
[[nodiscard]] inline bool congruent(const std::byte* address, std::uint64_t offset) noexcept {
    return reinterpret_cast<std::uintptr_t>(address) % page_bytes == offset % page_bytes;
}

}  // namespace demofs::store
