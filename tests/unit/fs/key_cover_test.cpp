#include "demofs/fs/salvage/key_cover.hpp"

#include <gmock/gmock.h>

#include <map>
#include <random>

namespace demofs::fs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

tree::Key key(std::uint64_t number) {
    return {1, tree::Kind::extent, number};
}
KeyRange range(std::uint64_t from, std::uint64_t to) {
    return {key(from), key(to)};
}

TEST(KeyCover, TheNextKeyGoesOnInTheNextKindAndTheNextObject) {
    constexpr std::uint64_t highest = ~std::uint64_t{0};
    EXPECT_EQ(key_after(key(7)), key(8));
    EXPECT_EQ(key_after(key(highest)), (tree::Key{1, tree::Kind::orphan, 0}));
    EXPECT_EQ(key_after({1, tree::Kind{255}, highest}), (tree::Key{2, tree::Kind{0}, 0}));
    EXPECT_EQ(key_after({highest, tree::Kind{255}, highest}), (tree::Key{highest, tree::Kind{255}, highest}));
}

TEST(KeyCover, WhatIsCoveredFirstStays) {
    KeyCover cover;
    EXPECT_THAT(cover.uncovered(range(0, 10)), ElementsAre(range(0, 10)));
    cover.cover(range(3, 5), Generation{9});
    EXPECT_THAT(cover.uncovered(range(0, 10)), ElementsAre(range(0, 3), range(5, 10)));
    cover.cover(range(0, 8), Generation{4});
    EXPECT_THAT(cover.uncovered(range(0, 10)), ElementsAre(range(8, 10)));
    EXPECT_EQ(cover.as_of(range(3, 5)), Generation{9});
    EXPECT_EQ(cover.as_of(range(0, 3)), Generation{4});
    EXPECT_EQ(cover.as_of(range(2, 5)), Generation{4});  // the oldest of its parts
    EXPECT_EQ(cover.as_of(range(2, 9)), std::nullopt);
    EXPECT_THAT(cover.uncovered(range(1, 8)), IsEmpty());
    EXPECT_THAT(cover.uncovered(range(5, 5)), IsEmpty());
}

TEST(KeyCover, AgreesWithAnArrayOfSingleKeys) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    constexpr std::uint64_t keys = 40;
    for (int round = 0; round < 200; ++round) {
        KeyCover cover;
        std::map<std::uint64_t, Generation> model;
        for (std::uint64_t step = 1; step <= 12; ++step) {
            const std::uint64_t from = random() % keys;
            const std::uint64_t to = from + random() % 12;
            const Generation as_of{random() % 3 + 1};
            cover.cover(range(from, to), as_of);
            for (std::uint64_t i = from; i < to; ++i) model.try_emplace(i, as_of);
            for (std::uint64_t i = 0; i < keys + 12; ++i) {
                const auto known = model.find(i);
                const auto expected =
                    known == model.end() ? std::nullopt : std::optional<Generation>(known->second);
                ASSERT_EQ(cover.as_of(range(i, i + 1)), expected) << i;
            }
            std::uint64_t uncovered = 0;
            for (const KeyRange& gap : cover.uncovered(range(0, keys + 12)))
                uncovered += gap.to.key - gap.from.key;
            ASSERT_EQ(uncovered, keys + 12 - model.size());
        }
    }
}

}  // namespace
}  // namespace demofs::fs
