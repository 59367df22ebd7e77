// Little-endian encoding of stored structures. The decoder trusts nothing: every read is checked against the
// end of the input, and a failure names what was being decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "demofs/base/bytes.hpp"

namespace demofs {

/// Appends encoded values to a growing vector, its own or the caller's.
class Encoder {
  public:
    Encoder() noexcept : out_(&owned_) {}
    /// Appends to `out`, which must outlive the encoder.
    explicit Encoder(Bytes& out) noexcept : out_(&out) {}
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    void u8(std::uint8_t value) { out_->push_back(std::byte{value}); }
    void u16(std::uint16_t value) { append_little_endian(value, 2); }
    void u32(std::uint32_t value) { append_little_endian(value, 4); }
    void u64(std::uint64_t value) { append_little_endian(value, 8); }
    void i64(std::int64_t value) { append_little_endian(static_cast<std::uint64_t>(value), 8); }

    /// The bytes as they are; the decoder must know how many.
    void bytes(ByteSpan value) { out_->insert(out_->end(), value.begin(), value.end()); }
    /// A u32 with the length, then the bytes. Throws std::length_error for 4 GiB or more.
    void sized_bytes(ByteSpan value);
    void sized_text(std::string_view value) { sized_bytes(as_bytes(value)); }
    void zeros(std::size_t count) { out_->resize(out_->size() + count); }

    /// Overwrites what was encoded at `position`, a value of size() from before; throws std::out_of_range
    /// past the end.
    void patch_u32(std::size_t position, std::uint32_t value) { patch(position, value, 4); }
    void patch_u64(std::size_t position, std::uint64_t value) { patch(position, value, 8); }

    /// Bytes in the vector, including what a caller's vector held before.
    [[nodiscard]] std::size_t size() const noexcept { return out_->size(); }
    [[nodiscard]] ByteSpan span() const noexcept { return *out_; }
    /// The encoded bytes, moved out.
    [[nodiscard]] Bytes take() && { return std::move(*out_); }

  private:
    void append_little_endian(std::uint64_t value, unsigned size_bytes);
    void patch(std::size_t position, std::uint64_t value, unsigned size_bytes);

    Bytes owned_;
    Bytes* out_;
};

/// Reads encoded values from bytes that must outlive it. Every failure throws Error(Errc::corrupt) and says
/// what was being decoded and where; the position is then unchanged.
class Decoder {
  public:
    /// `subject` names what is decoded, for messages: "commit record". It must outlive the decoder (a
    /// literal).
    explicit Decoder(ByteSpan data, std::string_view subject = "data") noexcept
        : data_(data), subject_(subject) {}

    [[nodiscard]] std::uint8_t u8() { return static_cast<std::uint8_t>(little_endian(1, "u8")); }
    [[nodiscard]] std::uint16_t u16() { return static_cast<std::uint16_t>(little_endian(2, "u16")); }
    [[nodiscard]] std::uint32_t u32() { return static_cast<std::uint32_t>(little_endian(4, "u32")); }
    [[nodiscard]] std::uint64_t u64() { return little_endian(8, "u64"); }
    [[nodiscard]] std::int64_t i64() { return static_cast<std::int64_t>(little_endian(8, "i64")); }

    /// The next `size` bytes, inside the decoder's input.
    [[nodiscard]] ByteSpan bytes(std::size_t size);
    /// Bytes with a u32 length before them; a length above `max_size` is damage.
    [[nodiscard]] ByteSpan sized_bytes(std::size_t max_size = SIZE_MAX);
    [[nodiscard]] std::string sized_text(std::size_t max_size = SIZE_MAX);
    void skip(std::size_t size) { static_cast<void>(bytes(size)); }

    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] std::size_t remaining() const noexcept { return data_.size() - position_; }

    /// Throws unless everything was read.
    void expect_end() const;
    /// Throws Error(Errc::corrupt) with the subject, the position and `reason`: for checks of the caller's
    /// own.
    [[noreturn]] void fail(const std::string& reason) const;

  private:
    std::uint64_t little_endian(unsigned size_bytes, const char* type);
    void require(std::size_t size, const char* type) const;

    ByteSpan data_;
    std::string_view subject_;
    std::size_t position_ = 0;
};

}  // namespace demofs
