// Encodes and decodes an extent; refuses every value that no version of the program writes.
#include "demofs/fs/records/extent_record.hpp"

#include <algorithm>
#include <limits>

#include "demofs/base/invariant.hpp"
#include "demofs/fs/records/record_codec.hpp"

namespace demofs::fs {

namespace {

constexpr std::uint8_t version = 1;

std::uint64_t stored_bytes_per_block(std::uint32_t block_bytes) {
    return block::stored_block_bytes(block_bytes);
}

}  // namespace

ExtentRecord::Place ExtentRecord::locate(std::uint64_t position) const {
    invariant(position < run_bytes, "A place in a run lies before its end.");
    const std::uint64_t index = position / block_bytes;
    Place place;
    place.block.segment = segment;
    place.block.offset =
        static_cast<std::uint32_t>(first_block + index * stored_bytes_per_block(block_bytes));
    place.block.payload_bytes =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(block_bytes, run_bytes - index * block_bytes));
    place.offset = static_cast<std::uint32_t>(position % block_bytes);
    return place;
}

bool ExtentRecord::continues_with(const block::BlockAddress& next) const {
    return segment == next.segment && skip_bytes + length_bytes == run_bytes &&
           run_bytes % block_bytes == 0 && next.payload_bytes <= block_bytes &&
           first_block + run_bytes / block_bytes * stored_bytes_per_block(block_bytes) == next.offset;
}

Bytes encode(const ExtentRecord& record) {
    Bytes bytes;
    bytes.reserve(57);
    Encoder out(bytes);
    out.u8(version);
    out.u64(record.segment.sequence);
    out.u64(record.segment.salt);
    out.u32(record.first_block);
    out.u32(record.block_bytes);
    out.u64(record.run_bytes);
    out.u64(record.skip_bytes);
    out.u64(record.length_bytes);
    out.u64(raw(record.birth));
    return bytes;
}

ExtentRecord decode_extent_record(ByteSpan value) {
    Decoder in(value, "extent");
    detail::expect_version(in, version, "extent");
    ExtentRecord record;
    record.segment.sequence = in.u64();
    record.segment.salt = in.u64();
    record.first_block = in.u32();
    record.block_bytes = in.u32();
    record.run_bytes = in.u64();
    record.skip_bytes = in.u64();
    record.length_bytes = in.u64();
    record.birth = Generation{in.u64()};
    in.expect_end();
    if (record.segment.sequence == 0) in.fail("it names no segment");
    if (raw(record.birth) == 0) in.fail("no commit has stored its run");
    if (record.block_bytes == 0 || record.block_bytes > block::max_block_payload_bytes)
        in.fail("its block size is impossible");
    // A run ends inside its segment, whose offsets have 32 bits: that bounds all that is computed from it.
    const std::uint64_t room = std::numeric_limits<std::uint32_t>::max() - record.first_block;
    if (record.run_bytes == 0 || record.run_bytes > room) in.fail("its run does not fit into a segment");
    const std::uint64_t full = record.run_bytes / record.block_bytes;
    const auto last = static_cast<std::uint32_t>(record.run_bytes % record.block_bytes);
    if (full * stored_bytes_per_block(record.block_bytes) + (last > 0 ? stored_bytes_per_block(last) : 0) >
        room)
        in.fail("its run does not fit into a segment");
    if (record.length_bytes == 0 || record.skip_bytes >= record.run_bytes ||
        record.length_bytes > record.run_bytes - record.skip_bytes)
        in.fail("it lies outside its run");
    return record;
}

}  // namespace demofs::fs
