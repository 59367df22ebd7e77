// A node's stored form. Encoding is the inner loop of every commit; decoding is the only guard between stored
// bytes and the tree's code, so it accepts exactly what encoding produces.
#include "demofs/tree/node_codec.hpp"

#include <cstdint>
#include <string>
#include <type_traits>

#include "demofs/base/codec.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/invariant.hpp"

namespace demofs::tree {

namespace {

constexpr std::uint8_t node_format = 1;

// Writes into a buffer of exactly the right size: this is a commit's inner loop.
class Writer {
  public:
    explicit Writer(std::size_t size) : buffer_(size) {}

    template <class T>
    void number(T value) {
        static_assert(std::is_unsigned_v<T>);
        for (std::size_t i = 0; i < sizeof(T); ++i)
            buffer_.data()[at_++] = static_cast<std::byte>(value >> (8 * i));
    }
    void bytes(ByteSpan source) {
        invariant(source.size() <= buffer_.size() - at_, "A node is as long as it said.");
        if (!source.empty()) std::memcpy(buffer_.data() + at_, source.data(), source.size());
        at_ += source.size();
    }
    void key(const Key& k) {
        number(k.object);
        number(static_cast<std::uint8_t>(k.kind));
        number(k.key);
    }
    SharedBytes finish() && {
        invariant(at_ == buffer_.size(), "A node is as long as it said.");
        return std::move(buffer_).freeze();
    }

  private:
    ByteBuffer buffer_;
    std::size_t at_ = 0;
};

[[noreturn]] void too_new(const char* what, unsigned number) {
    throw Error(Errc::unsupported_format,
                std::string("The vault was written by a newer version of demofs (") + what + " " +
                    std::to_string(number) + ").");
}

Key decode_key(Decoder& in) {
    Key key;
    key.object = in.u64();
    const std::uint8_t kind = in.u8();
    if (kind == 0) in.fail("an entry without a kind");
    if (kind > static_cast<std::uint8_t>(Kind::segment_usage)) too_new("entries of kind", kind);
    key.kind = static_cast<Kind>(kind);
    key.key = in.u64();
    return key;
}

void decode_leaf(Decoder& in, Node& node, std::uint32_t count) {
    if (in.remaining() / leaf_slot_bytes < count) in.fail("more entries than fit");
    node.leaf.reserve(count);
    std::uint32_t offset = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        LeafSlot slot;
        slot.key = decode_key(in);
        slot.length = in.u16();
        slot.offset = offset;
        if (slot.length > max_value_bytes) in.fail("a value that is too long");
        if (i > 0 && !key_less(node.leaf.back().key, slot.key)) in.fail("keys out of order");
        offset += slot.length;
        node.leaf.push_back(slot);
    }
    const ByteSpan values = in.bytes(offset);
    node.arena.assign(values.begin(), values.end());
}

void decode_inner(Decoder& in, Node& node, std::uint32_t count) {
    if (in.remaining() / inner_slot_bytes < count) in.fail("more children than fit");
    if (count == 0) in.fail("an inner node without children");
    node.inner.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        InnerSlot slot;
        slot.first = decode_key(in);
        slot.address.segment.sequence = in.u64();
        slot.address.segment.salt = in.u64();
        slot.address.offset = in.u32();
        slot.address.payload_bytes = in.u32();
        slot.birth = Generation{in.u64()};
        if (!slot.address) in.fail("a child without an address");
        if (slot.address.payload_bytes > max_node_bytes) in.fail("a child that is too large");
        if (raw(slot.birth) == 0) in.fail("a child that no commit has stored");
        if (i > 0 && !key_less(node.inner.back().first, slot.first)) in.fail("keys out of order");
        node.inner.push_back(std::move(slot));
    }
}

}  // namespace

SharedBytes encode_node(const Node& node) {
    invariant(node.encoded_bytes() <= max_node_bytes, "A stored node has at most 64 KiB.");
    Writer out(node.encoded_bytes());
    out.number(node_format);
    out.number(node.level);
    out.number(std::uint16_t{0});
    out.number(static_cast<std::uint32_t>(node.count()));
    if (node.is_leaf()) {
        for (const LeafSlot& slot : node.leaf) {
            out.key(slot.key);
            out.number(static_cast<std::uint16_t>(slot.length));
        }
        for (const LeafSlot& slot : node.leaf) out.bytes(node.value(slot));
    } else {
        for (const InnerSlot& slot : node.inner) {
            const block::BlockAddress& where = slot.child ? slot.child->address : slot.address;
            const Generation birth = slot.child ? slot.child->birth : slot.birth;
            invariant(where && raw(birth) != 0, "A parent is encoded after its children were appended.");
            out.key(slot.first);
            out.number(where.segment.sequence);
            out.number(where.segment.salt);
            out.number(where.offset);
            out.number(where.payload_bytes);
            out.number(raw(birth));
        }
    }
    return std::move(out).finish();
}

NodePtr decode_node(ByteSpan payload, NodeTally& tally) {
    Decoder in(payload, "tree node");
    if (payload.size() > max_node_bytes) in.fail("a node that is too large");
    const std::uint8_t format = in.u8();
    if (format == 0) in.fail("a node without a format");
    if (format > node_format) too_new("nodes of format", format);
    const std::uint8_t level = in.u8();
    if (level > max_level) in.fail("a level that no tree has");
    if (in.u16() != 0) in.fail("reserved bytes that are not zero");
    const std::uint32_t count = in.u32();

    NodePtr node(new Node(tally, level));
    if (level == 0) {
        decode_leaf(in, *node, count);
    } else {
        decode_inner(in, *node, count);
    }
    in.expect_end();
    node->account();
    return node;
}

}  // namespace demofs::tree
