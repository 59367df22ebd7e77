// Encoding writes what it is told; decoding believes nothing: each read is checked against what is left, and
// each failure says what was being decoded and at which byte.
#include "demofs/base/codec.hpp"

#include <stdexcept>

#include "demofs/base/error.hpp"

namespace demofs {

void Encoder::append_little_endian(std::uint64_t value, unsigned size_bytes) {
    std::byte encoded[8];
    for (unsigned i = 0; i < size_bytes; ++i) encoded[i] = static_cast<std::byte>(value >> (8 * i));
    out_->insert(out_->end(), encoded, encoded + size_bytes);
}

void Encoder::patch(std::size_t position, std::uint64_t value, unsigned size_bytes) {
    if (position > out_->size() || out_->size() - position < size_bytes) {
        throw std::out_of_range("Encoder: a patch must lie inside what was encoded.");
    }
    for (unsigned i = 0; i < size_bytes; ++i)
        (*out_)[position + i] = static_cast<std::byte>(value >> (8 * i));
}

void Encoder::sized_bytes(ByteSpan value) {
    if (value.size() > UINT32_MAX)
        throw std::length_error("Encoder: a length-prefixed value must be below 4 GiB.");
    u32(static_cast<std::uint32_t>(value.size()));
    bytes(value);
}

void Decoder::fail(const std::string& reason) const {
    throw Error(Errc::corrupt, "The " + std::string(subject_) + " is damaged at byte " +
                                   std::to_string(position_) + ": " + reason + ".");
}

void Decoder::require(std::size_t size, const char* type) const {
    if (size > remaining()) {
        fail("expected " + std::string(type) + " of " + std::to_string(size) + " bytes, but only " +
             std::to_string(remaining()) + " are left");
    }
}

std::uint64_t Decoder::little_endian(unsigned size_bytes, const char* type) {
    require(size_bytes, type);
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size_bytes; ++i) {
        value |= std::to_integer<std::uint64_t>(data_[position_ + i]) << (8 * i);
    }
    position_ += size_bytes;
    return value;
}

ByteSpan Decoder::bytes(std::size_t size) {
    require(size, "a field");
    const ByteSpan field = data_.subspan(position_, size);
    position_ += size;
    return field;
}

ByteSpan Decoder::sized_bytes(std::size_t max_size) {
    const std::size_t start = position_;
    const std::size_t size = u32();
    if (size > max_size || size > remaining()) {
        position_ = start;
        fail("a length of " + std::to_string(size) + " bytes is impossible here");
    }
    return bytes(size);
}

std::string Decoder::sized_text(std::size_t max_size) {
    return std::string(as_text(sized_bytes(max_size)));
}

void Decoder::expect_end() const {
    if (remaining() != 0) fail(std::to_string(remaining()) + " unexpected bytes follow");
}

}  // namespace demofs
