#include "demofs/base/invariant.hpp"

#include <gtest/gtest.h>

#include "demofs/base/bytes.hpp"

namespace demofs {
namespace {

TEST(Invariant, OneThatHoldsDoesNothing) {
    invariant(true, "All is well.");
}

// These run in every build type: an invariant must not depend on NDEBUG.
TEST(InvariantDeathTest, OneThatIsBrokenEndsTheProcessWithItsSentenceAndItsPlace) {
    EXPECT_DEATH(invariant(false, "A nonce is used once."),
                 "demofs: a broken invariant: A nonce is used once. \\(.*invariant_test.cpp:[0-9]+, ");
}

TEST(InvariantDeathTest, NoBytesAreHandedOutFromBeyondABuffer) {
    const SharedBytes bytes = SharedBytes::copy_of(as_bytes("hello"));
    EXPECT_DEATH((void)bytes.slice(3, 3), "A slice lies inside its bytes");
    EXPECT_DEATH((void)bytes.slice(6, 0), "A slice lies inside its bytes");
    ByteBuffer buffer(4);
    EXPECT_DEATH(buffer.shrink(5), "A buffer shrinks to at most its size");
}

}  // namespace
}  // namespace demofs
