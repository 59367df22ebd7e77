// Where the daemon's words go: stderr, a file, or the system log, through spdlog.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <optional>
#include <string>

namespace demofs::app {

struct LogSettings {
    std::optional<std::string> file;  ///< appended to
    std::string level = "info";       ///< trace, debug, info, warn, error, off
};

/// Logs to the file if one is given, else to stderr: with time and level, but as plain sentences for people if it is
/// going to leave the terminal. Throws Failure naming the file or the unknown level.
std::shared_ptr<spdlog::logger> make_logger(const LogSettings& settings, bool leaves_terminal = false);

/// Called when the daemon leaves the terminal: without a log file, the system log takes the place of stderr.
void leave_terminal(spdlog::logger& logger, const LogSettings& settings);

/// Sends what libasyncdrop reports (forgotten drops, misuse, errors that nobody received) to `logger`, with a level that fits
/// and the place where the resource was made, instead of stderr. null: to stderr again.
void log_reports_of_asyncdrop(std::shared_ptr<spdlog::logger> logger);

}  // namespace demofs::app
