#include "demofs/fs/salvage/history.hpp"

#include <gmock/gmock.h>

namespace demofs::fs {
namespace {

using testing::UnorderedElementsAre;

SessionId session(int number) {
    SessionId id;
    id.bytes[0] = std::byte(number);
    return id;
}

class HistoryTest : public testing::Test {
  protected:
    // The session was started on the commit `generation` of `base`; 0: on nothing.
    void add(int number, int base = 0, std::uint64_t generation = 0) {
        block::Origin origin(session(number));
        if (base != 0) origin.base = {session(base), Generation{generation}};
        origins[session(number)] = origin;
    }

    static History history(const History::Origins& origins, int number, std::uint64_t generation = 100) {
        return History(origins, CommitId{session(number), Generation{generation}});
    }

    History::Origins origins;
};

TEST_F(HistoryTest, ASessionAndWhatItWasBuiltOnBelongToIt) {
    add(1);
    add(2, 1, 5);
    add(3, 2, 9);
    const History found = history(origins, 3);
    EXPECT_TRUE(found.has(session(3), Generation{50}));
    EXPECT_TRUE(found.has(session(2), Generation{9}));
    EXPECT_FALSE(found.has(session(2), Generation{10}));
    EXPECT_TRUE(found.has(session(1), Generation{5}));
    EXPECT_FALSE(found.has(session(1), Generation{6}));
    EXPECT_FALSE(found.is_broken());
    EXPECT_FALSE(history(origins, 2, 7).has(session(2), Generation{8}));
}

TEST_F(HistoryTest, AnotherBranchDoesNot) {
    add(1);
    add(2, 1, 5);
    add(3, 1, 5);
    add(4, 3, 8);
    const History found = history(origins, 4);
    EXPECT_FALSE(found.has(session(2), Generation{3}));
    EXPECT_TRUE(found.has(session(3), Generation{8}));
    EXPECT_TRUE(found.has(session(1), Generation{5}));
    EXPECT_THAT(ends_of_histories(origins), UnorderedElementsAre(session(2), session(4)));
}

TEST_F(HistoryTest, BehindAMissingSessionLiesWhatIsOlderAndNoBranch) {
    add(1);
    add(2, 1, 5);
    // 3, on commit 9 of 2, is gone.
    add(4, 3, 12);
    add(5, 4, 15);
    add(6, 4, 15);
    const History found = history(origins, 5);
    EXPECT_TRUE(found.is_broken());
    EXPECT_TRUE(found.has(session(4), Generation{15}));
    EXPECT_TRUE(found.has(session(2), Generation{9}));
    EXPECT_TRUE(found.has(session(1), Generation{5}));
    EXPECT_FALSE(found.has(session(2), Generation{13}));
    EXPECT_FALSE(found.has(session(6), Generation{3}));
}

TEST_F(HistoryTest, ACircleEnds) {
    add(1, 2, 5);
    add(2, 1, 6);
    const History found = history(origins, 1);
    EXPECT_TRUE(found.has(session(2), Generation{5}));
}

}  // namespace
}  // namespace demofs::fs
