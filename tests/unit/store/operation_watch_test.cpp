#include "demofs/store/operation_watch.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace demofs::store {
namespace {

using Entry = OperationWatch::Entry;

std::string oldest(const OperationWatch& watch) {
    const auto operation = watch.oldest();
    return operation ? operation_text(*operation) : "none";
}

TEST(OperationWatch, KnowsTheOldestThatHasNotEnded) {
    OperationWatch watch;
    EXPECT_EQ(oldest(watch), "none");
    auto first = std::make_unique<Entry>(&watch, OperationKind::append, "a");
    auto second = std::make_unique<Entry>(&watch, OperationKind::sync, "b");
    auto third = std::make_unique<Entry>(&watch, OperationKind::list, "");
    EXPECT_EQ(oldest(watch), "append of a");
    second.reset();
    EXPECT_EQ(oldest(watch), "append of a");
    first.reset();
    EXPECT_EQ(oldest(watch), "list");
    auto fourth = std::make_unique<Entry>(&watch, OperationKind::read, "c");
    third.reset();
    EXPECT_EQ(oldest(watch), "read of c");
    fourth.reset();
    EXPECT_EQ(oldest(watch), "none");
}

TEST(OperationWatch, KnowsSinceWhen) {
    OperationWatch watch;
    const auto before = OperationWatch::Clock::now();
    const Entry entry(&watch, OperationKind::seal, "a");
    const auto after = OperationWatch::Clock::now();
    EXPECT_GE(watch.oldest()->begun, before);
    EXPECT_LE(watch.oldest()->begun, after);
}

TEST(OperationWatch, MayBeGoneBeforeItsEntriesOrMissing) {
    auto watch = std::make_unique<OperationWatch>();
    const Entry first(watch.get(), OperationKind::append, "a");
    const Entry second(watch.get(), OperationKind::append, "b");
    const Entry unseen(nullptr, OperationKind::append, "c");
    watch.reset();
}

}  // namespace
}  // namespace demofs::store
