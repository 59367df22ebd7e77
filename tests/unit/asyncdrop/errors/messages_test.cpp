// What the library says in words: why a drop was forgotten, in which state a node is, what a stack is called.
#include <asyncdrop/creation_site.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/drop_in_order.hpp>
#include <asyncdrop/stack.hpp>
#include <asyncdrop/teardown_graph.hpp>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropError;
using asyncdrop::AsyncDropStack;
using asyncdrop::CreationSite;
using asyncdrop::ForgottenAction;
using asyncdrop::ForgottenDrop;
using asyncdrop::ForgottenReason;
using asyncdrop::make_guard;
using asyncdrop::NodeState;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// Takes the library's messages while it lives.
class Messages : public testing::Test {
  protected:
    Messages() : former_(asyncdrop::set_message_sink(&collect)) { lines().clear(); }
    ~Messages() override { asyncdrop::set_message_sink(former_); }

    static std::vector<std::string>& lines() {
        static std::vector<std::string> all;
        return all;
    }

    asio::io_context context_;
    Journal log_;

  private:
    static void collect(std::string_view line) noexcept { lines().emplace_back(line); }
    asyncdrop::MessageSink former_;
};

TEST_F(Messages, EveryReasonOfAForgottenDropHasItsSentence) {
    const std::pair<ForgottenReason, const char*> sentences[] = {
        {ForgottenReason::forgotten, "its scope ended"},
        {ForgottenReason::refused_by_cancellation, "co_await asyncdrop::even_if_cancelled first"},
        {ForgottenReason::cleanup_abandoned, "its cleanup had begun and was abandoned"},
        {ForgottenReason::context_destroyed, "its execution context was destroyed"},
        {ForgottenReason::unwinding, "an exception left its scope"},
        {ForgottenReason::unknown, "asyncdrop::install(context) tells"},
    };
    for (const auto& [reason, sentence] : sentences) {
        lines().clear();
        const ForgottenAction former = asyncdrop::set_forgotten_action(reason, ForgottenAction::print);
        asyncdrop::default_forgotten_handler(
            ForgottenDrop{"File", "a.txt", CreationSite("main.cpp", 7), reason});
        asyncdrop::set_forgotten_action(reason, former);
        EXPECT_THAT(lines(),
                    ElementsAre(AllOf(StartsWith("Forgot to call async_drop on File \"a.txt\", created at "
                                                 "main.cpp:7: "),
                                      HasSubstr(sentence))));
    }
}

TEST_F(Messages, EveryStateOfANodeHasItsWord) {
    std::vector<std::string> words;
    for (const NodeState state : {NodeState::waiting, NodeState::dropping, NodeState::dropped,
                                  NodeState::failed, NodeState::abandoned, NodeState::skipped}) {
        words.emplace_back(to_string(state));
    }
    EXPECT_THAT(words, ElementsAre("waiting", "dropping", "dropped", "failed", "abandoned", "skipped"));
}

TEST_F(Messages, ATeardownWithoutASinkOfItsOwnUsesTheLibrarys) {
    const asyncdrop::TeardownSettings settings;
    settings.sink("still dropping cache");
    EXPECT_THAT(lines(), ElementsAre("still dropping cache"));
}

TEST_F(Messages, AStackThatFailsIsNamedWithThePlaceThatMadeIt) {
    test_support::run_coroutine(context_, [this]() -> asio::awaitable<void> {
        AsyncDropStack stack(CreationSite("stack.cpp", 12));
        auto watched = make_guard<Resource>(log_, "watched");
        watched->fail_on_drop();
        stack.watch(watched);
        auto other = make_guard<Resource>(log_, "other");
        other->fail_on_drop();
        std::exception_ptr error;
        try {
            co_await asyncdrop::drop_in_order(other, stack);
        } catch (const AsyncDropError&) {
            error = std::current_exception();
        }
        EXPECT_THAT(message(error),
                    StartsWith("other; while cleaning up asyncdrop::AsyncDropStack (created at "
                               "stack.cpp:12): watched"));
        EXPECT_TRUE(watched.is_dropped());
    });
}

TEST_F(Messages, SeveralFailuresInAStackNameEachResource) {
    test_support::run_coroutine(context_, [this]() -> asio::awaitable<void> {
        AsyncDropStack stack;
        auto watched = make_guard<Resource>(log_, "watched");
        watched->fail_on_drop();
        stack.watch(watched);
        stack.defer([]() -> asio::awaitable<void> { throw Failure("callback"); });
        std::exception_ptr error;
        try {
            co_await stack.async_drop();
        } catch (const AsyncDropError&) {
            error = std::current_exception();
        }
        EXPECT_THAT(message(error),
                    AllOf(StartsWith("callback; while cleaning up asyncdrop_test::Resource (created at "),
                          HasSubstr("messages_test.cpp:"), HasSubstr("): watched")));
    });
}

using MessagesDeathTest = Messages;

TEST_F(MessagesDeathTest, AddingToAStackWhileItIsDroppedIsAMisuse) {
    asyncdrop::set_message_sink(nullptr);
    AsyncDropStack stack(CreationSite("stack.cpp", 12));
    stack.defer([&stack]() -> asio::awaitable<void> {
        stack.defer([]() noexcept {});
        co_return;
    });
    EXPECT_DEATH(test_support::run_coroutine(context_, stack.async_drop()),
                 "something was added to a stack while its async_drop is running .*stack.cpp:12");
    stack.release();
}

}  // namespace
}  // namespace asyncdrop_test
