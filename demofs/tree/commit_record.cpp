// The record's stored form: fixed fields, then sections that older versions can skip or must refuse. What a
// reader does not understand is never guessed: a newer format is refused by name, anything else is damage.
#include "demofs/tree/commit_record.hpp"

#include <algorithm>
#include <string>

#include "demofs/base/codec.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/invariant.hpp"
#include "demofs/tree/node.hpp"

namespace demofs::tree {

namespace {

constexpr std::uint16_t record_format = 1;

// Types of sections; sorted in the record, each at most once. Reserved for later, all critical: 1 snapshots,
// 2 deadlists, 3 retired segments.
enum Section : std::uint16_t {
    log_section = 1,
    usage_section = 2,
    versions_section = 3,
    given_up_section = 4,
    left_open_section = 5,
};
constexpr std::uint16_t first_critical = critical_section;

void encode_address(Encoder& out, const block::BlockAddress& address) {
    out.u64(address.segment.sequence);
    out.u64(address.segment.salt);
    out.u32(address.offset);
    out.u32(address.payload_bytes);
}

block::BlockAddress decode_address(Decoder& in) {
    block::BlockAddress address;
    address.segment.sequence = in.u64();
    address.segment.salt = in.u64();
    address.offset = in.u32();
    address.payload_bytes = in.u32();
    if (address.payload_bytes > block::max_block_payload_bytes) in.fail("an address of too large a block");
    if (!address && address != block::BlockAddress{}) in.fail("half an address");
    return address;
}

// A SessionId or a ReplicaId.
template <class Id>
Id decode_id(Decoder& in) {
    Id id;
    std::ranges::copy(in.bytes(id.bytes.size()), id.bytes.begin());
    return id;
}

// A section: type u16, then length u32 and that many bytes.
template <class F>
void encode_section(Encoder& out, std::uint16_t type, F contents) {
    out.u16(type);
    const std::size_t length_at = out.size();
    out.u32(0);
    contents();
    out.patch_u32(length_at, static_cast<std::uint32_t>(out.size() - length_at - 4));
}

void decode_log(Decoder& in, block::LogDigest& log) {
    std::ranges::copy(in.bytes(log.tags_hash.size()), log.tags_hash.begin());
    while (in.remaining() > 0) {
        block::LogRange range;
        range.segment.sequence = in.u64();
        range.segment.salt = in.u64();
        range.begin = in.u32();
        range.end = in.u32();
        if (range.segment.sequence == 0 || range.begin >= range.end)
            in.fail("an impossible range of the log");
        log.ranges.push_back(range);
    }
}

void decode_usage(Decoder& in, std::vector<SegmentLive>& usage) {
    while (in.remaining() > 0) {
        SegmentLive delta;
        delta.segment.sequence = in.u64();
        delta.segment.salt = in.u64();
        delta.bytes = in.i64();
        if (delta.segment.sequence == 0) in.fail("a segment without a number");
        if (!usage.empty() && !(usage.back().segment < delta.segment)) in.fail("segments out of order");
        usage.push_back(delta);
    }
}

void decode_versions(Decoder& in, std::vector<ReplicaVersion>& versions) {
    while (in.remaining() > 0) {
        ReplicaVersion version;
        version.replica = decode_id<ReplicaId>(in);
        version.commit.session = decode_id<SessionId>(in);
        version.commit.generation = Generation{in.u64()};
        versions.push_back(version);
    }
}

void decode_given_up(Decoder& in, std::vector<GivenUpTail>& given_up) {
    while (in.remaining() > 0) {
        GivenUpTail tail;
        tail.record = decode_address(in);
        tail.generation = Generation{in.u64()};
        if (!tail.record) in.fail("a given-up record that is nowhere");
        given_up.push_back(tail);
    }
}

void decode_left_open(Decoder& in, std::vector<LeftOpen>& left_open) {
    while (in.remaining() > 0) {
        LeftOpen open;
        open.segment.sequence = in.u64();
        open.segment.salt = in.u64();
        open.size_bytes = in.u64();
        if (open.segment.sequence == 0) in.fail("a segment without a number");
        left_open.push_back(open);
    }
}

void decode_sections(Decoder& in, CommitRecord& record) {
    std::uint16_t last = 0;
    while (in.remaining() > 0) {
        const std::uint16_t type = in.u16();
        Decoder section(in.sized_bytes(), "section of a commit record");
        if (type <= last) in.fail("sections out of order");
        if (last == 0 && type != log_section) in.fail("no list of ranges");
        last = type;
        switch (type) {
            case log_section:
                decode_log(section, record.log);
                break;
            case usage_section:
                decode_usage(section, record.usage);
                break;
            case versions_section:
                decode_versions(section, record.versions);
                break;
            case given_up_section:
                decode_given_up(section, record.given_up);
                break;
            case left_open_section:
                decode_left_open(section, record.left_open);
                break;
            default:
                if (type >= first_critical) {
                    throw Error(Errc::unsupported_format,
                                "The vault was written by a newer version of demofs (part " +
                                    std::to_string(type) + " of its commits).");
                }
        }
    }
    if (last == 0) in.fail("no list of ranges");
}

}  // namespace

void note_version(std::vector<ReplicaVersion>& versions, const ReplicaId& replica, const CommitId& commit) {
    std::erase_if(versions, [&](const ReplicaVersion& known) { return known.replica == replica; });
    versions.push_back({replica, commit});
    if (versions.size() > max_versions) {
        versions.erase(versions.begin(), versions.end() - static_cast<std::ptrdiff_t>(max_versions));
    }
}

SharedBytes encode_commit_record(const CommitRecord& record) {
    invariant(record.root && record.root_level <= max_level, "A commit has a root.");
    invariant(raw(record.root_birth) != 0 && record.root_birth <= record.generation,
              "A root is not younger than its commit.");
    invariant(record.generation > record.parent_generation, "Generations grow.");
    Bytes payload;
    Encoder out(payload);
    out.u16(record_format);
    out.u8(static_cast<std::uint8_t>(record.root_level));
    out.zeros(5);
    out.u64(raw(record.generation));
    out.u64(raw(record.parent_generation));
    encode_address(out, record.parent);
    out.bytes(record.session.bytes);
    out.i64(record.time_ns);
    encode_address(out, record.root);
    out.u64(raw(record.root_birth));
    out.u64(record.counters.next_number);
    out.u64(record.number_limit);
    out.u64(record.counters.inodes);
    out.u64(record.counters.data_bytes);
    encode_section(out, log_section, [&] {
        out.bytes(record.log.tags_hash);
        for (const block::LogRange& range : record.log.ranges) {
            invariant(range.segment.sequence != 0 && range.begin < range.end,
                      "A range of the log is a piece of a segment.");
            out.u64(range.segment.sequence);
            out.u64(range.segment.salt);
            out.u32(range.begin);
            out.u32(range.end);
        }
    });
    encode_section(out, usage_section, [&] {
        for (const SegmentLive& delta : record.usage) {
            out.u64(delta.segment.sequence);
            out.u64(delta.segment.salt);
            out.i64(delta.bytes);
        }
    });
    encode_section(out, versions_section, [&] {
        for (const ReplicaVersion& version : record.versions) {
            out.bytes(version.replica.bytes);
            out.bytes(version.commit.session.bytes);
            out.u64(raw(version.commit.generation));
        }
    });
    if (!record.given_up.empty()) {
        encode_section(out, given_up_section, [&] {
            for (const GivenUpTail& tail : record.given_up) {
                encode_address(out, tail.record);
                out.u64(raw(tail.generation));
            }
        });
    }
    if (!record.left_open.empty()) {
        encode_section(out, left_open_section, [&] {
            for (const LeftOpen& open : record.left_open) {
                out.u64(open.segment.sequence);
                out.u64(open.segment.salt);
                out.u64(open.size_bytes);
            }
        });
    }
    if (payload.size() > block::max_block_payload_bytes) {
        throw Error(Errc::writes_failed, "A commit touches too many segments for one record (" +
                                             std::to_string(payload.size()) + " bytes).");
    }
    return SharedBytes::copy_of(payload);
}

CommitRecord decode_commit_record(ByteSpan payload) {
    Decoder in(payload, "commit record");
    if (const std::uint16_t format = in.u16(); format != record_format) {
        if (format < record_format) in.fail("unknown record format");
        throw Error(Errc::unsupported_format,
                    "The vault was written by a newer version of demofs (commits of format " +
                        std::to_string(format) + ").");
    }
    CommitRecord record;
    record.root_level = in.u8();
    if (record.root_level > max_level) in.fail("a level that no tree has");
    for (const std::byte b : in.bytes(5)) {
        if (b != std::byte{0}) in.fail("reserved bytes that are not zero");
    }
    record.generation = Generation{in.u64()};
    record.parent_generation = Generation{in.u64()};
    if (record.generation <= record.parent_generation) in.fail("a commit that is not newer than its parent");
    record.parent = decode_address(in);
    if (!record.parent && raw(record.parent_generation) != 0) in.fail("a parent that is nowhere");
    record.session = decode_id<SessionId>(in);
    record.time_ns = in.i64();
    record.root = decode_address(in);
    if (!record.root || record.root.payload_bytes > max_node_bytes) in.fail("no usable root");
    record.root_birth = Generation{in.u64()};
    if (raw(record.root_birth) == 0 || record.root_birth > record.generation)
        in.fail("a root that was born at an impossible time");
    record.counters.next_number = in.u64();
    record.number_limit = in.u64();
    if (record.counters.next_number > record.number_limit) in.fail("numbers given out beyond their limit");
    record.counters.inodes = in.u64();
    record.counters.data_bytes = in.u64();
    decode_sections(in, record);
    return record;
}

Bytes encode_segment_usage(std::uint64_t salt, std::int64_t live_bytes) {
    Encoder out;
    out.u64(salt);
    out.i64(live_bytes);
    return std::move(out).take();
}

SegmentLive decode_segment_usage(const Key& key, ByteSpan value) {
    Decoder in(value, "segment usage");
    SegmentLive usage;
    usage.segment.sequence = key.key;
    usage.segment.salt = in.u64();
    usage.bytes = in.i64();
    in.expect_end();
    return usage;
}

}  // namespace demofs::tree
