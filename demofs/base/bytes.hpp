// Byte ranges, and the two owners of bytes that travel between layers and threads: a buffer is filled by one
// owner (ByteBuffer), then frozen into immutable bytes that any number of owners share (SharedBytes).
// Freezing copies nothing.
//
// Threads: SharedBytes may be copied, read and destroyed from any thread; everything else belongs to one
// thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "demofs/base/invariant.hpp"

namespace demofs {

using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;
using Bytes = std::vector<std::byte>;

/// The bytes of `text`; valid as long as `text`'s characters.
inline ByteSpan as_bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

/// The characters of `bytes`; valid as long as `bytes`.
inline std::string_view as_text(ByteSpan bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Immutable bytes with shared ownership; a slice keeps the whole allocation alive.
class SharedBytes {
  public:
    SharedBytes() noexcept = default;

    static SharedBytes copy_of(ByteSpan bytes) {
        auto memory = std::make_shared_for_overwrite<std::byte[]>(bytes.size());
        if (!bytes.empty()) std::memcpy(memory.get(), bytes.data(), bytes.size());
        const std::byte* first = memory.get();
        return SharedBytes(std::shared_ptr<const std::byte>(std::move(memory), first), bytes.size());
    }

    [[nodiscard]] const std::byte* data() const noexcept { return memory_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] ByteSpan span() const noexcept { return {data(), size_}; }
    operator ByteSpan() const noexcept { return span(); }

    /// Whether there are bytes at all, even none in number: false for a default-constructed or moved-from
    /// object.
    explicit operator bool() const noexcept { return memory_ != nullptr; }

    /// The part [offset, offset + length), which must lie inside; shares ownership.
    [[nodiscard]] SharedBytes slice(std::size_t offset, std::size_t length) const {
        invariant(offset <= size_ && length <= size_ - offset, "A slice lies inside its bytes.");
        return SharedBytes(std::shared_ptr<const std::byte>(memory_, data() + offset), length);
    }

    SharedBytes(const SharedBytes&) noexcept = default;
    SharedBytes& operator=(const SharedBytes&) noexcept = default;
    SharedBytes(SharedBytes&& other) noexcept
        : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
    SharedBytes& operator=(SharedBytes&& other) noexcept {
        memory_ = std::move(other.memory_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    ~SharedBytes() = default;

  private:
    friend class ByteBuffer;
    SharedBytes(std::shared_ptr<const std::byte> memory, std::size_t size) noexcept
        : memory_(std::move(memory)), size_(size) {}

    std::shared_ptr<const std::byte> memory_;
    std::size_t size_ = 0;
};

/// A move-only heap buffer whose bytes start out uninitialised.
class ByteBuffer {
  public:
    ByteBuffer() noexcept = default;
    explicit ByteBuffer(std::size_t size)
        : memory_(std::make_shared_for_overwrite<std::byte[]>(size)), size_(size) {}

    /// The same, placed so that its address is, modulo 4096, what `offset` is: from and to that place of a file
    /// whole pages can be moved without a copy. A large one lies in memory that suits it (transfer_memory.hpp).
    [[nodiscard]] static ByteBuffer congruent(std::size_t size, std::uint64_t offset);

    ByteBuffer(const ByteBuffer&) = delete;
    ByteBuffer& operator=(const ByteBuffer&) = delete;
    ByteBuffer(ByteBuffer&& other) noexcept
        : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
    ByteBuffer& operator=(ByteBuffer&& other) noexcept {
        memory_ = std::move(other.memory_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    ~ByteBuffer() = default;

    [[nodiscard]] std::byte* data() noexcept { return memory_.get(); }
    [[nodiscard]] const std::byte* data() const noexcept { return memory_.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] MutableByteSpan span() noexcept { return {data(), size_}; }
    [[nodiscard]] ByteSpan span() const noexcept { return {data(), size_}; }

    /// Keeps the first `size` bytes (at most the present size); the memory behind them stays allocated.
    void shrink(std::size_t size) noexcept {
        invariant(size <= size_, "A buffer shrinks to at most its size.");
        size_ = size;
    }

    /// Turns the buffer into immutable bytes without copying; the buffer is empty afterwards.
    [[nodiscard]] SharedBytes freeze() && {
        const std::byte* first = memory_.get();
        return SharedBytes(std::shared_ptr<const std::byte>(std::move(memory_), first),
                           std::exchange(size_, 0));
    }

  private:
    std::shared_ptr<std::byte[]> memory_;
    std::size_t size_ = 0;
};

}  // namespace demofs
