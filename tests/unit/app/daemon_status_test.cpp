#include "demofs/app/daemon_status.hpp"

#include <gmock/gmock.h>

#include "demofs/base/error.hpp"

namespace demofs::app {
namespace {

using testing::HasSubstr;

std::string status(pid_t pid, std::uint64_t requests) {
    DaemonStatus status;
    status.mount_point = "/mnt";
    status.state = "mounted";
    status.pid = pid;
    status.requests = requests;
    return to_json(status);
}

TEST(DaemonStatus, ShowsARateOnceThereIsOne) {
    EXPECT_THAT(describe_status(status(1, 7)), HasSubstr("7 served, 0 in flight"));
    EXPECT_THAT(describe_status(status(1, 7), 2.5), HasSubstr("7 served (2.5 a second), 0 in flight"));
}

TEST(RequestRates, AreToldOfEachDaemonFromTheSecondLookOn) {
    using std::chrono::milliseconds;
    RequestRates rates;
    const RequestRates::Clock::time_point begin;
    EXPECT_EQ(rates.look(status(1, 100), begin), std::nullopt);
    EXPECT_EQ(rates.look(status(2, 7), begin), std::nullopt);
    EXPECT_EQ(rates.look(status(1, 150), begin + milliseconds(500)), 100.0);
    EXPECT_EQ(rates.look(status(2, 7), begin + milliseconds(500)), 0.0);
    EXPECT_EQ(rates.look(status(1, 150), begin + milliseconds(1500)), 0.0);
}

TEST(RequestRates, OfADaemonThatCountsNoMoreAreNone) {
    RequestRates rates;
    const RequestRates::Clock::time_point begin;
    EXPECT_EQ(rates.look(status(1, 100), begin), std::nullopt);
    EXPECT_EQ(rates.look(status(1, 0), begin + std::chrono::seconds(1)), std::nullopt);
    EXPECT_THROW(static_cast<void>(rates.look("{", begin)), Error);
}

}  // namespace
}  // namespace demofs::app
