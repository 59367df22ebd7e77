#include "demofs/block/segment.hpp"

#include <gmock/gmock.h>

#include <set>

#include "demofs/base/error.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using test::new_session;
using test::test_keys;

TEST(SegmentName, IsThirtyTwoHexDigitsThatDecryptToTheSegment) {
    const auto keys = test_keys();
    const SegmentId id{12, 0xfedcba9876543210};
    const std::string name = object_name(keys, id);
    EXPECT_THAT(name, testing::MatchesRegex("[0-9a-f]{32}"));
    EXPECT_EQ(segment_of_object(keys, name), id);
}

TEST(SegmentName, OfAnotherVaultOrShapeIsForeign) {
    const auto keys = test_keys();
    EXPECT_EQ(segment_of_object(keys, "00112233445566778899aabbccddeeff"), std::nullopt);
    EXPECT_EQ(segment_of_object(keys, ""), std::nullopt);
    const std::string name = object_name(keys, {1, 2});
    EXPECT_EQ(segment_of_object(keys, name + "0"), std::nullopt);
    std::string no_digit = name;
    no_digit[0] = 'g';
    EXPECT_EQ(segment_of_object(keys, no_digit), std::nullopt);
}

TEST(SegmentName, OfSequenceZeroOrBeyondTheLimitIsForeign) {
    const auto keys = test_keys();
    EXPECT_EQ(segment_of_object(keys, object_name(keys, {0, 5})), std::nullopt);
    EXPECT_EQ(segment_of_object(keys, object_name(keys, {sequence_limit, 5})), std::nullopt);
    EXPECT_NE(segment_of_object(keys, object_name(keys, {sequence_limit - 1, 5})), std::nullopt);
}

TEST(SegmentHeader, OpensToWhatWasSealed) {
    const auto keys = test_keys();
    const Segment segment = new_segment(keys, 3, new_session());
    const auto stored = seal_segment_header(keys, segment);
    const auto opened = open_segment_header(keys, segment.id, stored);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->id, segment.id);
    EXPECT_EQ(opened->object, segment.object);
    EXPECT_EQ(opened->uid, segment.uid);
    EXPECT_EQ(opened->origin, segment.origin);
    EXPECT_EQ(opened->created, segment.created);
    EXPECT_GT(opened->created, 1'500'000'000);
}

TEST(SegmentHeader, WithAnyBitFlippedDoesNotOpen) {
    const auto keys = test_keys();
    const Segment segment = new_segment(keys, 3, new_session());
    const auto stored = seal_segment_header(keys, segment);
    for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
        auto damaged = stored;
        damaged[bit / 8] ^= std::byte(1 << bit % 8);
        EXPECT_FALSE(open_segment_header(keys, segment.id, damaged)) << "bit " << bit;
    }
    EXPECT_FALSE(open_segment_header(keys, segment.id, ByteSpan(stored).first(stored.size() - 1)));
}

TEST(SegmentHeader, OfAnotherSegmentDoesNotOpen) {
    const auto keys = test_keys();
    const Segment one = new_segment(keys, 3, new_session());
    const Segment other = new_segment(keys, 3, one.origin);
    EXPECT_NE(one.id, other.id);
    EXPECT_FALSE(open_segment_header(keys, other.id, seal_segment_header(keys, one)));
}

TEST(Segment, OfTheSameNumberStillHasAKeyOfItsOwn) {
    const auto keys = test_keys();
    std::set<SegmentUid> uids;
    for (int i = 0; i < 100; ++i) uids.insert(new_segment(keys, 1, new_session()).uid);
    EXPECT_EQ(uids.size(), 100u);
}

}  // namespace
}  // namespace demofs::block
