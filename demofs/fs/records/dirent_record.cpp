// Encodes and decodes a directory entry; refuses every value that no version of the program writes.
#include "demofs/fs/records/dirent_record.hpp"

#include <sys/stat.h>

#include "demofs/fs/records/record_codec.hpp"

namespace demofs::fs {

namespace {

constexpr std::uint8_t version = 1;
constexpr unsigned type_shift = 12;  // S_IFMT is the four bits above

}  // namespace

Bytes encode(const DirentRecord& record) {
    Bytes bytes;
    bytes.reserve(14 + record.name.size());
    Encoder out(bytes);
    out.u8(version);
    out.u8(static_cast<std::uint8_t>((record.type & S_IFMT) >> type_shift));
    out.u64(raw(record.inode));
    out.sized_text(record.name);
    return bytes;
}

DirentRecord decode_dirent_record(ByteSpan value) {
    Decoder in(value, "directory entry");
    detail::expect_version(in, version, "directory entry");
    DirentRecord record;
    const std::uint8_t type = in.u8();
    if (type > (S_IFMT >> type_shift)) in.fail("its file type does not exist");
    record.type = static_cast<std::uint32_t>(type) << type_shift;
    record.inode = InodeNumber{in.u64()};
    record.name = in.sized_text(max_name_bytes);
    if (record.name.empty()) in.fail("its name is empty");
    in.expect_end();
    return record;
}

}  // namespace demofs::fs
