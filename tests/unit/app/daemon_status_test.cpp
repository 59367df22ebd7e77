#include "demofs/app/daemon_status.hpp"

#include <gmock/gmock.h>

#include "demofs/base/error.hpp"

namespace demofs::app {
namespace {

using testing::HasSubstr;
using testing::Not;

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

TEST(DaemonStatus, TellsAnOperationThatTheStoreDoesNotAnswer) {
    DaemonStatus status;
    EXPECT_THAT(describe_status(to_json(status)), Not(HasSubstr("store ")));
    status.store_wait = DaemonStatus::StoreWait{"sync of 5f0c", std::chrono::milliseconds(300)};
    EXPECT_THAT(to_json(status), HasSubstr("\"store_waits_s\":0.3"));
    EXPECT_THAT(describe_status(to_json(status)), Not(HasSubstr("store ")));  // nothing unusual yet
    status.store_wait->age = std::chrono::seconds(34);
    EXPECT_THAT(describe_status(to_json(status)),
                HasSubstr("  store           sync of 5f0c, waiting for 34.0 s\n"));
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
