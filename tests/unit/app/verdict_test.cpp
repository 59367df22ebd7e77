#include "demofs/app/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "demofs/app/failure.hpp"
#include "demofs/base/error.hpp"
#include "demofs/tree/commit_record.hpp"

namespace demofs::app {
namespace {

using testing::HasSubstr;
using tree::Verdict;

constexpr Verdict all[] = {Verdict::clean,   Verdict::crash_tail, Verdict::fork,       Verdict::rolled_back,
                           Verdict::damaged, Verdict::incomplete, Verdict::unsupported};

tree::Recovered recovered(Verdict verdict, bool with_record) {
    tree::Recovered found;
    if (verdict != Verdict::clean) found.judge(verdict, "Something is so.");
    if (with_record) found.record = std::make_unique<tree::CommitRecord>();
    return found;
}

// The exit code with which the vault is refused, exit_ok if it is not; `text` is what was said.
ExitCode refusal(const tree::Recovered& found, bool to_write, std::string& text) {
    try {
        require_usable(found, to_write, "/vault");
    } catch (const std::exception& error) {
        text = error.what();
        return exit_code_of(std::current_exception());
    }
    return exit_ok;
}

TEST(Verdict, EachHasANameOfItsOwn) {
    std::set<std::string_view> names;
    for (const Verdict verdict : all) names.insert(name_of(verdict));
    EXPECT_EQ(names.size(), std::size(all));
}

TEST(Verdict, WhatIsRefusedIsRefusedWithTheSameCodeEverywhere) {
    std::string text;
    for (const Verdict verdict : all) {
        const tree::Recovered shown = recovered(verdict, true);
        EXPECT_EQ(refusal(shown, true, text), exit_code_of(verdict)) << name_of(verdict);
        EXPECT_EQ(refusal(shown, false, text), exit_ok) << name_of(verdict);
    }
    for (const Verdict verdict : {Verdict::damaged, Verdict::incomplete, Verdict::unsupported}) {
        EXPECT_EQ(refusal(recovered(verdict, false), false, text), exit_code_of(verdict)) << name_of(verdict);
        EXPECT_EQ(text, "Something is so.");
    }
    EXPECT_EQ(refusal(recovered(Verdict::clean, false), false, text), exit_vault_incomplete);
    EXPECT_THAT(text, HasSubstr("holds no commit"));
}

TEST(Verdict, MissingSegmentsAreRefusedAsAnIncompleteVault) {
    tree::Completeness found;
    found.why = "It cannot be told.";
    EXPECT_NO_THROW(require_usable(found));
    found.verdict = Verdict::incomplete;
    found.why = "Some are missing.";
    try {
        require_usable(found);
        ADD_FAILURE() << "it was not refused";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), make_error_code(Errc::vault_incomplete));
        EXPECT_STREQ(error.what(), "Some are missing.");
    }
}

TEST(Verdict, TheWayOutIsNamed) {
    std::string text;
    refusal(recovered(Verdict::fork, true), true, text);
    EXPECT_THAT(text, HasSubstr("--accept-fork"));
    EXPECT_THAT(text, HasSubstr("demofs fork list"));
    refusal(recovered(Verdict::rolled_back, true), true, text);
    EXPECT_THAT(text, HasSubstr("--accept-rollback"));
    refusal(recovered(Verdict::damaged, true), true, text);
    EXPECT_THAT(text, HasSubstr("--read-only"));
}

TEST(Verdict, TheWorstOneCountsAndTheOthersBecomeNotes) {
    tree::Recovered found;
    found.judge(Verdict::crash_tail, "tail");
    found.judge(Verdict::damaged, "damage");
    found.judge(Verdict::rolled_back, "older");
    found.judge(Verdict::damaged, "more damage");
    EXPECT_EQ(found.verdict, Verdict::damaged);
    EXPECT_EQ(found.why, "damage");
    EXPECT_THAT(found.notes, testing::ElementsAre("tail", "older", "more damage"));
}

}  // namespace
}  // namespace demofs::app
