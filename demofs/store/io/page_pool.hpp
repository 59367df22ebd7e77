// Memory for direct input and output: whole pages, aligned. Freed pages are kept for the next use, up to a
// limit.
//
// Threads: one at a time; pages are given back on the thread of their pool, which they keep alive.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "demofs/base/bytes.hpp"

namespace demofs::store {

/// What direct input and output is done in. All common filesystems accept this alignment.
inline constexpr std::size_t page_bytes = 4096;
/// Parts of a file in which the kernel may answer a direct read, at the least.
inline constexpr std::size_t sector_bytes = 512;

[[nodiscard]] constexpr std::uint64_t page_floor(std::uint64_t offset) noexcept {
    return offset / page_bytes * page_bytes;
}
[[nodiscard]] constexpr std::uint64_t page_ceiling(std::uint64_t offset) noexcept {
    return page_floor(offset + page_bytes - 1);
}

class PagePool {
    struct Free {
        void operator()(std::byte* memory) const noexcept { std::free(memory); }
    };
    using Memory = std::unique_ptr<std::byte, Free>;
    struct Kept;

  public:
    /// Keeps at most `limit_bytes` of freed pages.
    explicit PagePool(std::size_t limit_bytes);

    /// Some pages, contiguous, of any contents; given back when destroyed.
    class Pages {
      public:
        Pages() = default;
        Pages(Pages&&) noexcept = default;
        Pages& operator=(Pages&&) = delete;
        ~Pages();

        [[nodiscard]] std::byte* data() const noexcept { return memory_.get(); }
        [[nodiscard]] std::size_t size() const noexcept { return size_bytes_; }

      private:
        friend class PagePool;
        Pages(std::shared_ptr<Kept> kept, Memory memory, std::size_t size_bytes)
            : kept_(std::move(kept)), memory_(std::move(memory)), size_bytes_(size_bytes) {}

        std::shared_ptr<Kept> kept_;
        Memory memory_;
        std::size_t size_bytes_ = 0;
    };

    /// `size_bytes` is a multiple of a page. Throws std::bad_alloc.
    [[nodiscard]] Pages take(std::size_t size_bytes);

    /// Bytes that wait for their next use.
    [[nodiscard]] std::size_t kept_bytes() const noexcept;

  private:
    std::shared_ptr<Kept> kept_;
};

}  // namespace demofs::store
