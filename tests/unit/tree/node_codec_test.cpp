#include "demofs/tree/node_codec.hpp"

#include <gtest/gtest.h>

#include <random>

#include "demofs/base/error.hpp"
#include "stored_nodes.hpp"

namespace demofs::tree::test {
namespace {

NodePtr make_leaf(NodeTally& tally, std::uint64_t entries, std::uint64_t value_bytes) {
    NodePtr node(new Node(tally, 0));
    for (std::uint64_t i = 0; i < entries; ++i) {
        node->insert_entry(i, {i / 4, Kind::dirent, i}, Bytes(value_bytes + i % 3, std::byte(i)));
    }
    return node;
}

NodePtr make_inner(NodeTally& tally, std::uint64_t children) {
    NodePtr node(new Node(tally, 3));
    for (std::uint64_t i = 0; i < children; ++i) {
        InnerSlot slot;
        slot.first = {i, Kind::inode, 0};
        slot.address = {{i + 1, 99}, static_cast<std::uint32_t>(4096 * i), 8000};
        slot.birth = Generation{i + 5};
        node->inner.push_back(slot);
    }
    node->account();
    return node;
}

bool same_contents(const Node& a, const Node& b) {
    const SharedBytes first = encode_node(a);
    const SharedBytes second = encode_node(b);
    return std::ranges::equal(first.span(), second.span());
}

TEST(NodeCodecDeathTest, ANodeThatWouldNotBeReadableIsNotEncoded) {
    NodeTally tally;
    NodePtr parent = make_inner(tally, 3);
    parent->inner[1].address = {};
    EXPECT_DEATH((void)encode_node(*parent), "A parent is encoded after its children were appended");
    parent = make_inner(tally, 3);
    parent->inner[1].birth = Generation{0};
    EXPECT_DEATH((void)encode_node(*parent), "A parent is encoded after its children were appended");
    const NodePtr large = make_leaf(tally, 20, 4000);
    EXPECT_DEATH((void)encode_node(*large), "A stored node has at most 64 KiB");
    EXPECT_DEATH(parent->mark_stored({}, Generation{1}), "A node is stored once, at an address");
}

TEST(NodeCodec, NodesComeBackAsTheyWere) {
    NodeTally tally;
    {
        const NodePtr leaf = make_leaf(tally, 50, 20);
        const NodePtr leaf_again = decode_node(encode_node(*leaf), tally);
        EXPECT_TRUE(same_contents(*leaf, *leaf_again));
        EXPECT_EQ(leaf_again->leaf.size(), 50u);
        EXPECT_EQ(leaf->encoded_bytes(), encode_node(*leaf).size());

        const NodePtr inner = make_inner(tally, 50);
        const NodePtr inner_again = decode_node(encode_node(*inner), tally);
        EXPECT_TRUE(same_contents(*inner, *inner_again));
        EXPECT_EQ(inner_again->inner[7].address, inner->inner[7].address);
        EXPECT_EQ(inner_again->inner[7].birth, Generation{12});
        EXPECT_EQ(inner->encoded_bytes(), encode_node(*inner).size());

        const NodePtr empty(new Node(tally, 0));
        EXPECT_EQ(decode_node(encode_node(*empty), tally)->count(), 0u);
    }
    EXPECT_EQ(tally.nodes, 0u);
    EXPECT_EQ(tally.bytes, 0u);
    EXPECT_EQ(tally.dirty_bytes, 0u);
}

// What a decoder lets through must be a node that encodes to the very same bytes.
void expect_refused_or_sound(ByteSpan payload, NodeTally& tally) {
    try {
        const NodePtr node = decode_node(payload, tally);
        const SharedBytes again = encode_node(*node);
        ASSERT_TRUE(std::ranges::equal(again.span(), payload));
        for (std::size_t i = 1; i < node->count(); ++i) ASSERT_TRUE(node->key_at(i - 1) < node->key_at(i));
    } catch (const Error& error) {
        ASSERT_TRUE(error.code() == make_error_code(Errc::corrupt) ||
                    error.code() == make_error_code(Errc::unsupported_format));
    }
}

TEST(NodeCodec, EveryChangedByteIsRefusedOrGivesASoundNode) {
    NodeTally tally;
    for (const NodePtr& node : {make_leaf(tally, 12, 5), make_inner(tally, 8)}) {
        const SharedBytes good = encode_node(*node);
        Bytes bad(good.span().begin(), good.span().end());
        for (std::size_t i = 0; i < bad.size(); ++i) {
            for (int value = 0; value < 256; ++value) {
                bad[i] = std::byte(value);
                expect_refused_or_sound(bad, tally);
            }
            bad[i] = good.span()[i];
        }
    }
}

TEST(NodeCodec, EveryTruncationAndEveryExtensionIsRefused) {
    NodeTally tally;
    for (const NodePtr& node : {make_leaf(tally, 12, 5), make_inner(tally, 8)}) {
        const SharedBytes good = encode_node(*node);
        for (std::size_t size = 0; size < good.size(); ++size) {
            EXPECT_THROW(decode_node(good.span().first(size), tally), Error);
        }
        Bytes longer(good.span().begin(), good.span().end());
        longer.push_back(std::byte{0});
        EXPECT_THROW(decode_node(longer, tally), Error);
    }
}

TEST(NodeCodec, AChildThatNoCommitHasStoredIsRefused) {
    NodeTally tally;
    const SharedBytes good = encode_node(*make_inner(tally, 1));
    Bytes bad(good.span().begin(), good.span().end());
    ASSERT_EQ(bad[bad.size() - 8], std::byte{5});  // the slot ends with its birth
    bad[bad.size() - 8] = std::byte{0};
    EXPECT_THROW(decode_node(bad, tally), Error);
}

TEST(NodeCodec, RandomBytesAreRefused) {
    NodeTally tally;
    std::mt19937_64 random(1);
    for (int round = 0; round < 20'000; ++round) {
        Bytes noise(random() % 200);
        for (std::byte& b : noise) b = std::byte(random());
        if (noise.size() > 8 && round % 2 == 0) {  // past the first checks
            noise[0] = std::byte{1};
            noise[1] = std::byte(round % 4 == 0 ? 0 : 1);
            noise[2] = noise[3] = noise[5] = noise[6] = noise[7] = std::byte{0};
            noise[4] = std::byte(random() % 6);
        }
        expect_refused_or_sound(noise, tally);
    }
}

TEST(NodeCodec, WhatANewerVersionWroteIsUnsupportedAndNotDamaged) {
    NodeTally tally;
    const SharedBytes good = encode_node(*make_leaf(tally, 4, 10));
    const auto code_with = [&](std::size_t at, unsigned value) {
        Bytes newer(good.span().begin(), good.span().end());
        newer[at] = std::byte(value);
        try {
            (void)decode_node(newer, tally);
        } catch (const Error& error) {
            return error.code();
        }
        return std::error_code();
    };
    EXPECT_EQ(code_with(0, 2), make_error_code(Errc::unsupported_format));      // the node's format
    EXPECT_EQ(code_with(8 + 8, 8), make_error_code(Errc::unsupported_format));  // the first key's kind
    EXPECT_EQ(code_with(0, 0), make_error_code(Errc::corrupt));
    EXPECT_EQ(code_with(8 + 8, 0), make_error_code(Errc::corrupt));
}

}  // namespace
}  // namespace demofs::tree::test
