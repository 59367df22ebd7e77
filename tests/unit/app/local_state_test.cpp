#include "demofs/app/local_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "demofs/base/random.hpp"
#include "tests/support/temp_dir.hpp"

namespace demofs::app {
namespace {

namespace files = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LocalStateTest : public testing::Test {
  protected:
    LocalStateTest() {
        vault[0] = std::byte{0xab};
        fill_random(state.replica.bytes);
        state.newest.emplace();
        fill_random(state.newest->replica.bytes);
        fill_random(state.newest->commit.session.bytes);
        state.newest->commit.generation = Generation{~std::uint64_t{0}};
    }

    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& entry : files::directory_iterator(folder))
            found.push_back(entry.path().filename().string());
        return found;
    }

    test_support::TempDir temporary;
    files::path folder = temporary.path() / "not made yet" / "demofs";
    crypto::VaultId vault{};
    LocalState state;
    std::vector<std::string> notices;
    Notice notice = [this](const std::string& text) { notices.push_back(text); };
    const std::string name = "ab" + std::string(30, '0') + ".json";
};

TEST_F(LocalStateTest, WhatWasWrittenIsRead) {
    const LocalStateFile file(folder, vault);
    EXPECT_EQ(file.read(notice), std::nullopt);
    file.write(state);
    EXPECT_EQ(file.read(notice), state);
    state.newest.reset();
    file.write(state);
    EXPECT_EQ(file.read(notice), state);
    EXPECT_THAT(names(), ElementsAre(name));
    EXPECT_EQ(files::status(folder / name).permissions(),
              files::perms::owner_read | files::perms::owner_write);
    EXPECT_THAT(notices, IsEmpty());
}

TEST_F(LocalStateTest, AFileThatCannotBeUsedIsNoStateAndSaidSo) {
    const LocalStateFile file(folder, vault);
    file.write(state);
    std::ifstream in(folder / name);
    const std::string good((std::istreambuf_iterator<char>(in)), {});
    const std::string no_generation = good.substr(0, good.find("\"generation\"")) + "\"x\":1}}";
    const std::vector<std::string> useless{"",
                                           "{}",
                                           "[]",
                                           "null",
                                           good.substr(0, good.size() / 2),
                                           R"({"replica":"00"})",
                                           R"({"replica":7})",
                                           no_generation};
    for (const std::string& text : useless) {
        std::ofstream(folder / name) << text;
        notices.clear();
        EXPECT_EQ(file.read(notice), std::nullopt) << text;
        EXPECT_THAT(notices, ElementsAre(HasSubstr("cannot be used"))) << text;
    }
}

TEST_F(LocalStateTest, AFailedWriteLeavesNothingBehindAndWhatWasThereAsItWas) {
    const LocalStateFile file(folder, vault);
    files::create_directories(folder / name / "in the way");  // a folder, which nothing can be renamed over
    EXPECT_THROW(file.write(state), std::exception);
    EXPECT_THAT(names(), ElementsAre(name));
    files::remove_all(folder / name);
    file.write(state);
    EXPECT_EQ(file.read(notice), state);
}

}  // namespace
}  // namespace demofs::app
