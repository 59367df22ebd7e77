#include "demofs/base/bytes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "demofs/base/random.hpp"

namespace demofs {
namespace {

TEST(SharedBytes, ADefaultOneHasNoBytesAndIsFalse) {
    const SharedBytes none;
    EXPECT_FALSE(none);
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none.span().size(), 0U);
}

TEST(SharedBytes, ACopySharesTheMemory) {
    const SharedBytes first = SharedBytes::copy_of(as_bytes("hello"));
    const SharedBytes second = first;
    EXPECT_EQ(first.data(), second.data());
    EXPECT_EQ(as_text(second), "hello");
}

TEST(SharedBytes, CopiedEmptyBytesAreTrueButEmpty) {
    const SharedBytes empty = SharedBytes::copy_of({});
    EXPECT_TRUE(empty);
    EXPECT_TRUE(empty.empty());
}

TEST(SharedBytes, ASliceKeepsTheMemoryAlive) {
    std::optional<SharedBytes> whole = SharedBytes::copy_of(as_bytes("hello world"));
    const SharedBytes word = whole->slice(6, 5);
    const std::byte* address = whole->data() + 6;
    whole.reset();
    EXPECT_EQ(word.data(), address);
    EXPECT_EQ(as_text(word), "world");
    EXPECT_EQ(as_text(word.slice(1, 2)), "or");
    EXPECT_TRUE(word.slice(5, 0).empty());
}

TEST(SharedBytes, AMovedFromOneIsEmpty) {
    SharedBytes first = SharedBytes::copy_of(as_bytes("hello"));
    const SharedBytes second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what this test is about
    EXPECT_EQ(first.size(), 0U);
    EXPECT_EQ(second.size(), 5U);
}

TEST(ByteBuffer, FreezingCopiesNothingAndEmptiesTheBuffer) {
    ByteBuffer buffer(5);
    std::ranges::copy(as_bytes("hello"), buffer.data());
    const std::byte* address = buffer.data();
    const SharedBytes frozen = std::move(buffer).freeze();
    EXPECT_EQ(frozen.data(), address);
    EXPECT_EQ(as_text(frozen), "hello");
    EXPECT_TRUE(buffer.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(ByteBuffer, ShrinkingKeepsTheFirstBytes) {
    ByteBuffer buffer(11);
    std::ranges::copy(as_bytes("hello world"), buffer.data());
    buffer.shrink(5);
    EXPECT_EQ(as_text(buffer.span()), "hello");
    EXPECT_EQ(as_text(std::move(buffer).freeze()), "hello");
}

TEST(FillRandom, FillsEveryByteSoonerOrLater) {
    std::byte bytes[64]{};
    bool changed[64]{};
    for (int round = 0; round < 100; ++round) {
        std::ranges::fill(bytes, std::byte{0});
        fill_random(bytes);
        for (int i = 0; i < 64; ++i) changed[i] |= bytes[i] != std::byte{0};
    }
    EXPECT_TRUE(std::ranges::all_of(changed, [](bool c) { return c; }));
}

}  // namespace
}  // namespace demofs
