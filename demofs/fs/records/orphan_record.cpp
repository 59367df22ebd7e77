// Encodes and decodes an orphan record; refuses every value that no version of the program writes.
#include "demofs/fs/records/orphan_record.hpp"

#include "demofs/fs/records/record_codec.hpp"

namespace demofs::fs {

namespace {

constexpr std::uint8_t version = 1;
constexpr std::uint8_t flag_inode = 1u << 0;
constexpr std::uint8_t flag_data = 1u << 1;

}  // namespace

Bytes encode(const OrphanRecord& record) {
    Bytes bytes;
    bytes.reserve(18);
    Encoder out(bytes);
    out.u8(version);
    out.u8(
        static_cast<std::uint8_t>((record.free_inode ? flag_inode : 0) | (record.free_data ? flag_data : 0)));
    out.u64(record.from_offset);
    out.u64(raw(record.trimmed_inode));
    return bytes;
}

OrphanRecord decode_orphan_record(ByteSpan value) {
    Decoder in(value, "orphan record");
    detail::expect_version(in, version, "orphan record");
    const std::uint8_t flags = in.u8();
    if ((flags & ~(flag_inode | flag_data)) != 0 || flags == 0) in.fail("its flags are unknown");
    OrphanRecord record;
    record.free_inode = (flags & flag_inode) != 0;
    record.free_data = (flags & flag_data) != 0;
    record.from_offset = in.u64();
    record.trimmed_inode = InodeNumber{in.u64()};
    in.expect_end();
    return record;
}

}  // namespace demofs::fs
