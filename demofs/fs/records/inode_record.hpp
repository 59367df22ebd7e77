// The value of an entry of kind `inode`: everything about an inode but its names and its content.
// Format: docs/on-disk-format.md, "Values". Pure values, any thread.
#pragma once

#include <cstdint>

#include "demofs/base/bytes.hpp"
#include "demofs/base/types.hpp"
#include "demofs/fs/model/attributes.hpp"

namespace demofs::fs {

struct InodeRecord {
    std::uint32_t mode = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t links = 0;  ///< 0: unlinked, lives until nobody uses it (there is an orphan record)
    std::uint32_t device = 0;
    bool has_inline_data = false;  ///< the content is the inline entry of data_id, not extents
    bool trimming = false;  ///< extents beyond size_bytes are still being freed (orphan record of data_id)
    std::uint64_t size_bytes = 0;       ///< of files and symlinks; directories have 0
    std::uint64_t allocated_bytes = 0;  ///< bytes of content held by extents or inline
    DataId data_id{};            ///< starts as the inode's own number, replaced when content is dropped whole
    InodeNumber parent{};        ///< of directories
    std::uint64_t children = 0;  ///< entries of a directory
    Timestamp accessed;
    Timestamp modified;
    Timestamp changed;
    Timestamp created;

    bool is_directory() const;
    bool is_regular() const;
    bool is_symlink() const;

    friend bool operator==(const InodeRecord&, const InodeRecord&) = default;
};

[[nodiscard]] Bytes encode(const InodeRecord& record);

/// Throws Error: Errc::corrupt for bytes that no version writes, Errc::unsupported_format for a newer
/// version.
[[nodiscard]] InodeRecord decode_inode_record(ByteSpan value);

/// What stat(2) reports for the record as it stands in the tree (buffered writes not included).
[[nodiscard]] Attributes attributes_of(InodeNumber inode, const InodeRecord& record);

}  // namespace demofs::fs
