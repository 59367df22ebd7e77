// Sinks of spdlog; the one of the system log replaces stderr when the daemon leaves the terminal.
#include "demofs/app/logging.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <syslog.h>

#include <asyncdrop/forgotten.hpp>
#include <cstdlib>
#include <exception>
#include <memory>
#include <utility>

#include "demofs/app/failure.hpp"
#include "demofs/app/journal.hpp"
#include "demofs/app/private_file.hpp"

namespace demofs::app {

namespace {

// Never destroyed: guards may die after static objects.
std::shared_ptr<spdlog::logger>& report_logger() {
    static auto* const logger = new std::shared_ptr<spdlog::logger>;
    return *logger;
}

spdlog::level::level_enum level_of(const asyncdrop::Report& report) {
    if (report.fatal) return spdlog::level::critical;
    return report.kind == asyncdrop::ReportKind::notice ? spdlog::level::warn : spdlog::level::err;
}

void log_report(const asyncdrop::Report& report) noexcept {
    try {
        // As a source location, so that a pattern with %s:%# shows where the resource was made.
        const spdlog::source_loc site(report.site.file(), static_cast<int>(report.site.line()), "");
        report_logger()->log(site, level_of(report), "{}", report.text);
        if (report.fatal) report_logger()->flush();
    } catch (const std::exception&) {  // no memory; the program goes on, or ends, as it would
    }
}

}  // namespace

std::shared_ptr<spdlog::logger> make_logger(const LogSettings& settings, bool leaves_terminal) {
    const auto level = spdlog::level::from_str(settings.level);
    if (level == spdlog::level::off && settings.level != "off") {
        throw Failure(exit_usage, "unknown log level " + settings.level +
                                      "; choose trace, debug, info, warn, error or off");
    }
    spdlog::sink_ptr sink;
    if (settings.file) {
        require_writable(*settings.file, "the log file");
        make_private_file(*settings.file);
        try {
            sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(*settings.file);
        } catch (const spdlog::spdlog_ex& error) {
            throw Failure(exit_failure,
                          "the log file " + *settings.file + " cannot be written: " + error.what());
        }
    } else {
        // https://no-color.org: any value but an empty one.
        const char* no_color = std::getenv("NO_COLOR");
        const bool plain = no_color && no_color[0] != '\0';
        sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(plain ? spdlog::color_mode::never
                                                                           : spdlog::color_mode::automatic);
        if (leaves_terminal) sink->set_pattern("demofs: %v");
        if (stderr_is_journal()) sink->set_formatter(std::make_unique<JournalFormatter>());
    }
    auto logger = std::make_shared<spdlog::logger>("demofs", std::move(sink));
    logger->set_level(level);
    logger->flush_on(spdlog::level::info);
    return logger;
}

void log_reports_of_asyncdrop(std::shared_ptr<spdlog::logger> logger) {
    asyncdrop::set_report_sink(nullptr);
    report_logger() = std::move(logger);
    if (report_logger()) asyncdrop::set_report_sink(&log_report);
}

void leave_terminal(spdlog::logger& logger, const LogSettings& settings) {
    if (settings.file) return;
    logger.sinks() = {std::make_shared<spdlog::sinks::syslog_sink_mt>("demofs", LOG_PID, LOG_DAEMON, true)};
}

}  // namespace demofs::app
