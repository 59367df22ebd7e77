#include "demofs/store/writer_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "demofs/base/error.hpp"

namespace demofs::store {
namespace {

TEST(WriterState, AdmitsOneOperationAtATime) {
    WriterState state("object a1");
    {
        const WriterState::Operation running = state.begin_append();
        EXPECT_TRUE(state.busy());
        EXPECT_THROW(static_cast<void>(state.begin_append()), std::logic_error);
        EXPECT_THROW(static_cast<void>(state.begin_sync()), std::logic_error);
    }
    EXPECT_FALSE(state.busy());
    EXPECT_NO_THROW(static_cast<void>(state.begin_sync()));
}

TEST(WriterState, AdmitsNoAppendAfterTheEndButASync) {
    WriterState state("object a1");
    state.end();
    EXPECT_THROW(static_cast<void>(state.begin_append()), std::logic_error);
    EXPECT_NO_THROW(static_cast<void>(state.begin_sync()));
}

TEST(WriterState, AdmitsNothingAfterAFailureAndNamesTheObject) {
    WriterState state("object a1");
    state.fail();
    try {
        static_cast<void>(state.begin_sync());
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::writes_failed);
        EXPECT_THAT(error.what(), testing::HasSubstr("object a1"));
    }
    EXPECT_THROW(static_cast<void>(state.begin_append()), Error);
}

}  // namespace
}  // namespace demofs::store
