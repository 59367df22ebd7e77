#include "demofs/app/unmount_triggers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "demofs/base/error.hpp"
#include "tests/support/run_coroutine.hpp"

namespace demofs::app {
namespace {

namespace asio = boost::asio;

TriggerActions no_actions() {
    TriggerActions actions;
    actions.report = [] {};
    actions.going_down = [] {};
    actions.only_serving = [] {};
    actions.stuck = [] { return false; };
    actions.give_up = [](const std::string&) {};
    return actions;
}

asio::awaitable<void> start_and_drop(asio::any_io_executor executor) {
    auto triggers = UnmountTriggers::make(executor, [](const std::string&) {}, no_actions());
    triggers->start();
    co_await triggers.async_drop();
}

// A daemon whose mount is down, and that is told once more to end before it does.
[[noreturn]] void end_with_a_late(int signal) {
    asio::io_context context(1);
    test_support::run_coroutine(context, start_and_drop(context.get_executor()));
    ::raise(signal);
    std::exit(13);
}

// A mount that says what is asked of it.
class TriggersOfAMount : public testing::Test {
  protected:
    TriggersOfAMount() { triggers_->start(); }
    ~TriggersOfAMount() override {
        test_support::run_coroutine(context_, triggers_.async_drop());
        for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1}) ::signal(signal, SIG_DFL);
    }

    TriggerActions actions() {
        TriggerActions actions = no_actions();
        actions.going_down = [this] { asked_.emplace_back("go down"); };
        actions.only_serving = [this] { asked_.emplace_back("go on serving"); };
        actions.give_up = [this](const std::string&) { asked_.emplace_back("give up"); };
        actions.stuck = [this] { return stuck_; };
        actions.unmount = [this](fuse::UnmountMode mode) { return unmount(mode); };
        actions.stop_serving = [this] { return stop(); };
        actions.use = [] { return MountUse{}; };
        return actions;
    }
    asio::awaitable<void> unmount(fuse::UnmountMode mode) {
        asked_.emplace_back(mode == fuse::UnmountMode::lazy ? "detach" : "unmount");
        if (busy_ && mode == fuse::UnmountMode::normal)
            throw Error(std::errc::device_or_resource_busy, "files are open");
        co_return;
    }
    asio::awaitable<void> stop() {
        asked_.emplace_back("stop");
        co_return;
    }
    void notice(const std::string& sentence) { noticed_.push_back(sentence); }

    // Waits until so many things were asked for in all, and gives them.
    std::vector<std::string> asked(std::size_t count) {
        while (asked_.size() < count) run_one();
        return asked_;
    }
    void wait_for_notice(std::size_t count) {
        while (noticed_.size() < count) run_one();
    }
    void run_one() { ASSERT_GT(context_.run_one(), 0u) << "nothing more will happen"; }

    bool busy_ = false;
    bool stuck_ = false;
    std::vector<std::string> asked_;
    std::vector<std::string> noticed_;
    asio::io_context context_{1};
    asyncdrop::AsyncDropBox<UnmountTriggers> triggers_ = UnmountTriggers::make(
        context_.get_executor(), [this](const std::string& sentence) { notice(sentence); }, actions());
};

using testing::ElementsAre;

TEST_F(TriggersOfAMount, UnmountAtTheFirstSignal) {
    triggers_->mounted(std::chrono::seconds(0));
    ::raise(SIGTERM);
    EXPECT_THAT(asked(2), ElementsAre("go down", "unmount"));
    EXPECT_EQ(triggers_->cause(), "SIGTERM");
}

TEST_F(TriggersOfAMount, DetachItIfFilesAreInUseAndStopServingAtTheSecondSignal) {
    busy_ = true;
    triggers_->mounted(std::chrono::seconds(0));
    ::raise(SIGINT);
    EXPECT_THAT(asked(4), ElementsAre("go down", "unmount", "go on serving", "detach"));
    EXPECT_THAT(noticed_, ElementsAre(testing::HasSubstr("Files are in use")));
    asked_.clear();
    ::raise(SIGINT);
    EXPECT_THAT(asked(2), ElementsAre("go down", "stop"));
    ::raise(SIGINT);
    wait_for_notice(3);
    EXPECT_EQ(asked_.size(), 2u) << "something moves on: no third signal gives up";
    stuck_ = true;
    ::raise(SIGINT);
    EXPECT_THAT(asked(3), ElementsAre("go down", "stop", "give up"));
}

TEST_F(TriggersOfAMount, KeepASignalThatComesTooEarly) {
    ::raise(SIGTERM);
    wait_for_notice(1);
    EXPECT_THAT(asked_, testing::IsEmpty());
    triggers_->mounted(std::chrono::seconds(0));
    EXPECT_THAT(asked(2), ElementsAre("go down", "unmount"));
}

TEST_F(TriggersOfAMount, AskNothingOfOneThatIsGone) {
    triggers_->mounted(std::chrono::seconds(0));
    triggers_->unmounted();
    ::raise(SIGTERM);
    wait_for_notice(1);
    EXPECT_THAT(asked_, testing::IsEmpty());
}

TEST_F(TriggersOfAMount, UnmountItWhenNobodyHasUsedItForLong) {
    triggers_->mounted(std::chrono::seconds(1));
    EXPECT_THAT(asked(2), ElementsAre("go down", "unmount"));
    EXPECT_EQ(triggers_->cause(), "idle for 1 s");
    triggers_->unmounted();
}

TEST(UnmountTriggers, LetNoLateSignalChangeHowTheDaemonEnds) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1}) {
        EXPECT_EXIT(end_with_a_late(signal), testing::ExitedWithCode(13), "") << signal;
    }
}

}  // namespace
}  // namespace demofs::app
