// The service: reads all logs, ships their lines, and is torn down in the order in which its parts use each
// other.
#pragma once

#include <asyncdrop/teardown_report.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "counters.hpp"

namespace log_shipper {

namespace asio = boost::asio;

struct Config {
    std::filesystem::path folder;            ///< of the logs, and of what the service writes
    std::vector<std::string> optional_logs;  ///< besides system.log and access.log

    std::filesystem::path shipped() const { return folder / "shipped.txt"; }
    std::filesystem::path dead_letters() const { return folder / "dead_letters.txt"; }
};

struct Outcome {
    metrics::Totals totals;
    std::size_t sources = 0;
    bool refused_late_part = false;  ///< whether the graph was closed after the teardown
    asyncdrop::TeardownReport report;
};

/// Lines that begin with this are not shipped.
inline constexpr const char* corrupt_mark = "\x7f";

/// Runs until every log has been read. Errors: a missing required log, a broken uplink.
asio::awaitable<Outcome> run_service(Config config);

}  // namespace log_shipper
