#include "demofs/app/unmount_outcome.hpp"

#include <gmock/gmock.h>

#include <asyncdrop/teardown_export.hpp>

#include "demofs/base/error.hpp"

namespace demofs::app {
namespace {

using testing::HasSubstr;
using testing::Not;

asyncdrop::TeardownReport report() {
    using std::chrono::milliseconds;
    asyncdrop::TeardownReport report;
    report.started = {};
    report.ended = report.started + milliseconds(24);
    asyncdrop::NodeReport store;
    store.name = "store";
    store.state = asyncdrop::NodeState::dropped;
    store.started = report.started + milliseconds(12);
    store.ended = report.started + milliseconds(24);
    asyncdrop::NodeReport session = store;
    session.name = "session";
    session.started = report.started;
    session.ended = report.started + milliseconds(12);
    report.nodes = {store, session};
    return report;
}

UnmountOutcome saved() {
    UnmountOutcome outcome;
    outcome.files = 3;
    outcome.bytes = 12'000'000;
    outcome.commit = 42;
    outcome.teardown = asyncdrop::to_json(report());
    return outcome;
}

TEST(UnmountOutcome, OfSuccessIsOneLine) {
    const OutcomeText text = describe_outcome(to_json(saved()), 0.1);
    EXPECT_EQ(text.summary, "All saved: 3 files, 12 MB, commit 42, 0.1 s");
    EXPECT_TRUE(text.details.empty());
}

TEST(UnmountOutcome, WithNothingToSaveSaysSo) {
    UnmountOutcome outcome = saved();
    outcome.files = 0;
    EXPECT_EQ(describe_outcome(to_json(outcome), 0.1).summary,
              "All saved: nothing was left to save, commit 42, 0.1 s");
}

TEST(UnmountOutcome, OfFailureNamesWhatIsLostAndWhy) {
    UnmountOutcome outcome = saved();
    outcome.code = 31;
    outcome.problems = {"the disk is full"};
    outcome.not_saved = {{InodeNumber{7}, "notes/\"todo\".txt"}, {InodeNumber{8}, ""}};
    outcome.not_saved_files = 5;
    const OutcomeText text = describe_outcome(to_json(outcome), 2.0);
    EXPECT_EQ(text.summary, "Not saved: changes of 5 files; the vault holds commit 42, 2.0 s");
    EXPECT_EQ(text.details, (std::vector<std::string>{"the disk is full", "  notes/\"todo\".txt", "  inode 8",
                                                      "  and 3 more"}));
}

TEST(UnmountOutcome, HasATimelineInTheOrderOfBegins) {
    const OutcomeText text = describe_outcome(to_json(saved()), 0.1);
    EXPECT_EQ(text.timeline,
              "  session  |============            |  12.0 ms\n"
              "  store    |            ============|  12.0 ms\n");
}

TEST(UnmountAnswer, HasWhatTheDaemonSaidAndWhatWasFlushedBefore) {
    UnmountAnswer answer;
    answer.mount_point = "/mnt";
    answer.seconds = 1.5;
    answer.outcome = to_json(saved());
    EXPECT_THAT(to_json(answer), HasSubstr("\"commit\":42"));
    EXPECT_THAT(to_json(answer), HasSubstr("\"error\":null"));
    EXPECT_THAT(to_json(answer), HasSubstr("\"seconds\":1.5"));
    EXPECT_THAT(to_json(answer), Not(HasSubstr("flushed")));
    answer.flushed = "{\"files\":3}";
    EXPECT_THAT(to_json(answer), HasSubstr("\"flushed\":{\"files\":3}"));
}

TEST(UnmountAnswer, WithoutAnOutcomeSaysWhyThereIsNone) {
    UnmountAnswer answer;
    answer.code = 22;
    answer.error = "/mnt is in use";
    answer.users = {{7, "v\xff", {"1 open file"}}};
    EXPECT_THAT(to_json(answer), HasSubstr("\"code\":22"));
    EXPECT_THAT(to_json(answer), HasSubstr("\"error\":\"/mnt is in use\""));
    EXPECT_THAT(to_json(answer),
                HasSubstr("{\"command\":\"v\xEF\xBF\xBD\",\"holds\":[\"1 open file\"],\"pid\":7}"));
    EXPECT_THAT(to_json(answer), Not(HasSubstr("commit")));
}

TEST(UnmountOutcome, OfAnotherKindOfTextIsAnError) {
    EXPECT_THROW(static_cast<void>(describe_outcome("{", 0)), Error);
}

TEST(UnmountOutcome, WithNamesThatAreNoTextCanStillBeSent) {
    UnmountOutcome outcome = saved();
    outcome.code = 31;
    outcome.not_saved = {{InodeNumber{7}, "\xff\xfe"}};
    EXPECT_EQ(describe_outcome(to_json(outcome), 0).details.front(), "  \xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace demofs::app
