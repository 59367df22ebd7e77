#include "demofs/app/state_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/run_coroutine.hpp"
#include "tests/support/temp_dir.hpp"

namespace demofs::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StateKeeperTest : public testing::Test {
  protected:
    static tree::ReplicaVersion version(std::uint64_t generation) {
        tree::ReplicaVersion made;
        made.commit.generation = Generation{generation};
        return made;
    }
    std::optional<std::uint64_t> stored() const {
        const std::optional<LocalState> state = file.read(notice);
        if (!state || !state->newest) return std::nullopt;
        return raw(state->newest->commit.generation);
    }
    asyncdrop::AsyncDropBox<StateKeeper> started(std::chrono::milliseconds interval) {
        auto keeper = StateKeeper::make(file, ReplicaId{}, std::nullopt, notice);
        const auto newest = [this] { return durable; };
        test_support::run_coroutine(context, keeper->start(context.get_executor(), interval, newest));
        return keeper;
    }
    void drop(asyncdrop::AsyncDropBox<StateKeeper>& keeper) {
        test_support::run_coroutine(context, keeper.async_drop());
    }

    boost::asio::io_context context;
    test_support::TempDir folder;
    LocalStateFile file{folder.path() / "demofs", crypto::VaultId{}};
    std::optional<tree::ReplicaVersion> durable;
    std::vector<std::string> notices;
    Notice notice = [this](const std::string& text) { notices.push_back(text); };
};

constexpr std::chrono::hours never(1);

TEST_F(StateKeeperTest, ItSavesAtItsStartAndWhenItIsDropped) {
    durable = version(3);
    auto keeper = started(never);
    EXPECT_EQ(stored(), 3u);
    durable = version(5);
    EXPECT_EQ(stored(), 3u) << "nothing is written by whoever commits";
    drop(keeper);
    EXPECT_EQ(stored(), 5u);
    EXPECT_THAT(notices, IsEmpty());
}

TEST_F(StateKeeperTest, ItSavesInTheBackgroundAfterAnInterval) {
    auto keeper = started(std::chrono::milliseconds(1));
    durable = version(7);
    context.restart();
    while (stored() != 7u) context.run_one();
    drop(keeper);
}

TEST_F(StateKeeperTest, OneThatWasNeverStartedLeavesTheFileAlone) {
    auto keeper = StateKeeper::make(file, ReplicaId{}, std::nullopt, notice);
    drop(keeper);
    EXPECT_EQ(file.read(notice), std::nullopt);
}

TEST_F(StateKeeperTest, WhatTheFileHoldsIsNotWrittenAgain) {
    durable = version(3);
    auto keeper = started(never);
    std::filesystem::remove_all(folder.path() / "demofs");
    drop(keeper);
    EXPECT_EQ(stored(), std::nullopt);
}

TEST_F(StateKeeperTest, WhatCannotBeWrittenIsToldOnceAndNoErrorOfTheDrop) {
    const std::string name = std::string(32, '0') + ".json";
    std::filesystem::create_directories(folder.path() / "demofs" / name / "in the way");
    auto keeper = started(never);
    EXPECT_THAT(notices, ElementsAre(HasSubstr("cannot remember")));
    durable = version(1);
    drop(keeper);
    EXPECT_EQ(notices.size(), 1u);
}

}  // namespace
}  // namespace demofs::app
