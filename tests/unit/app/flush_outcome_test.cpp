#include "demofs/app/flush_outcome.hpp"

#include <gtest/gtest.h>

#include "demofs/base/error.hpp"

namespace demofs::app {
namespace {

TEST(FlushOutcome, ArrivesAsItWasSent) {
    FlushOutcome sent;
    sent.files = 3;
    sent.bytes = 12'000'000;
    sent.commit = 42;
    sent.error = "the disk is \"full\"";
    const FlushOutcome got = parse_flush_outcome(to_json(sent));
    EXPECT_EQ(got.files, 3U);
    EXPECT_EQ(got.bytes, 12'000'000U);
    EXPECT_EQ(got.commit, 42U);
    EXPECT_EQ(got.error, sent.error);
    EXPECT_FALSE(got.going_down);
    EXPECT_THROW(static_cast<void>(parse_flush_outcome("{")), Error);
}

TEST(FlushOutcome, IsOneLine) {
    FlushOutcome outcome;
    outcome.commit = 42;
    EXPECT_EQ(describe_flush(outcome), "Flushed: nothing was left to save, commit 42");
    outcome.files = 1;
    outcome.bytes = 700;
    EXPECT_EQ(describe_flush(outcome), "Flushed: 1 file, 700 B, commit 42");
}

}  // namespace
}  // namespace demofs::app
