#include "demofs/base/types.hpp"

#include <gtest/gtest.h>

#include <unordered_set>

namespace demofs {
namespace {

static_assert(!std::is_convertible_v<InodeNumber, DataId>);
static_assert(!std::is_convertible_v<std::uint64_t, InodeNumber>);
static_assert(!std::is_convertible_v<InodeNumber, std::uint64_t>);
static_assert(raw(InodeNumber{7}) == 7);
static_assert(next(Generation{7}) == Generation{8});
static_assert(Epoch{1} < Epoch{2});

TEST(Types, NumbersAndSessionsAreKeysOfHashTables) {
    const std::unordered_set<InodeNumber> inodes{InodeNumber{1}, InodeNumber{2}, InodeNumber{1}};
    EXPECT_EQ(inodes.size(), 2U);

    SessionId a, b;
    b.bytes[15] = std::byte{1};
    const std::unordered_set<SessionId> sessions{a, b, a};
    EXPECT_EQ(sessions.size(), 2U);
    EXPECT_LT(a, b);
}

}  // namespace
}  // namespace demofs
