#include "demofs/app/unmount_triggers.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <string>

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

TEST(UnmountTriggers, LetNoLateSignalChangeHowTheDaemonEnds) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1}) {
        EXPECT_EXIT(end_with_a_late(signal), testing::ExitedWithCode(13), "") << signal;
    }
}

}  // namespace
}  // namespace demofs::app
