// Encodes and decodes an inode record; refuses every value that no version of the program writes.
#include "demofs/fs/records/inode_record.hpp"

#include <sys/stat.h>

#include "demofs/fs/records/record_codec.hpp"

namespace demofs::fs {

namespace {

constexpr std::uint8_t version = 1;
constexpr std::uint8_t flag_inline = 1u << 0;
constexpr std::uint8_t flag_trimming = 1u << 1;
constexpr std::uint8_t known_flags = flag_inline | flag_trimming;

// Directories have no size of their own; readers like to see one that grows.
constexpr std::uint64_t bytes_per_child = 64;

}  // namespace

bool InodeRecord::is_directory() const {
    return S_ISDIR(mode);
}
bool InodeRecord::is_regular() const {
    return S_ISREG(mode);
}
bool InodeRecord::is_symlink() const {
    return S_ISLNK(mode);
}

Bytes encode(const InodeRecord& record) {
    Bytes bytes;
    bytes.reserve(112);
    Encoder out(bytes);
    out.u8(version);
    out.u8(static_cast<std::uint8_t>((record.has_inline_data ? flag_inline : 0) |
                                     (record.trimming ? flag_trimming : 0)));
    out.u16(0);
    out.u32(record.mode);
    out.u32(record.uid);
    out.u32(record.gid);
    out.u32(record.links);
    out.u32(record.device);
    out.u64(record.size_bytes);
    out.u64(record.allocated_bytes);
    out.u64(raw(record.data_id));
    out.u64(raw(record.parent));
    out.u64(record.children);
    detail::encode_time(out, record.accessed);
    detail::encode_time(out, record.modified);
    detail::encode_time(out, record.changed);
    detail::encode_time(out, record.created);
    return bytes;
}

InodeRecord decode_inode_record(ByteSpan value) {
    Decoder in(value, "inode record");
    detail::expect_version(in, version, "inode record");
    const std::uint8_t flags = in.u8();
    if ((flags & ~known_flags) != 0) in.fail("it has unknown flags");
    if (in.u16() != 0) in.fail("its reserved bytes are not zero");
    InodeRecord record;
    record.has_inline_data = (flags & flag_inline) != 0;
    record.trimming = (flags & flag_trimming) != 0;
    record.mode = in.u32();
    record.uid = in.u32();
    record.gid = in.u32();
    record.links = in.u32();
    record.device = in.u32();
    record.size_bytes = in.u64();
    record.allocated_bytes = in.u64();
    record.data_id = DataId{in.u64()};
    record.parent = InodeNumber{in.u64()};
    record.children = in.u64();
    record.accessed = detail::decode_time(in);
    record.modified = detail::decode_time(in);
    record.changed = detail::decode_time(in);
    record.created = detail::decode_time(in);
    in.expect_end();
    return record;
}

Attributes attributes_of(InodeNumber inode, const InodeRecord& record) {
    Attributes attributes;
    attributes.inode = inode;
    attributes.mode = record.mode;
    attributes.uid = record.uid;
    attributes.gid = record.gid;
    attributes.links = record.links;
    attributes.device = record.device;
    attributes.size_bytes = record.is_directory() ? record.children * bytes_per_child : record.size_bytes;
    attributes.allocated_bytes = record.allocated_bytes;
    attributes.accessed = record.accessed;
    attributes.modified = record.modified;
    attributes.changed = record.changed;
    return attributes;
}

}  // namespace demofs::fs
