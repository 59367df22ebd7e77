// The value of an entry of kind `dirent`: one name in a directory.
// Format: docs/on-disk-format.md, "Values". Pure values, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "demofs/base/bytes.hpp"
#include "demofs/base/types.hpp"

namespace demofs::fs {

inline constexpr std::size_t max_name_bytes = 255;

struct DirentRecord {
    InodeNumber inode{};
    std::uint32_t type = 0;  ///< the S_IFMT bits of the inode's mode
    std::string name;

    friend bool operator==(const DirentRecord&, const DirentRecord&) = default;
};

[[nodiscard]] Bytes encode(const DirentRecord& record);

/// Throws Error: Errc::corrupt, Errc::unsupported_format.
[[nodiscard]] DirentRecord decode_dirent_record(ByteSpan value);

}  // namespace demofs::fs
