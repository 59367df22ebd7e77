// log_shipper: ships made-up logs in a folder of its own, tears itself down, and verifies the result.
#include <algorithm>
#include <asyncdrop/asyncdrop.hpp>
#include <asyncdrop/teardown_export.hpp>
#include <asyncdrop/version.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "expect.hpp"
#include "rehearsal.hpp"
#include "service.hpp"
#include "uplink.hpp"

using namespace log_shipper;

namespace {

std::vector<std::string> lines_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

// Writes a log whose every seventh line is corrupt; adds its good lines to `good`.
void write_log(const std::filesystem::path& path, int lines, std::vector<std::string>& good) {
    std::ofstream file(path);
    for (int number = 1; number <= lines; ++number) {
        const std::string line = path.filename().string() + " line " + std::to_string(number);
        if (number % 7 == 0) {
            file << corrupt_mark;
        } else {
            good.push_back(line);
        }
        file << line << '\n';
    }
}

Outcome ship(const Config& config) {
    asio::io_context context(1);
    asyncdrop::install(context);
    Outcome outcome;
    std::exception_ptr error;
    auto take = [&](std::exception_ptr thrown, Outcome shipped) {
        error = std::move(thrown);
        outcome = std::move(shipped);
    };
    asio::co_spawn(context, run_service(config), take);
    context.run();
    if (error) std::rethrow_exception(error);
    return outcome;
}

void verify(const Config& config, const Outcome& outcome, std::vector<std::string> good) {
    std::vector<std::string> shipped = lines_of(config.shipped());
    expect(!shipped.empty() && shipped.back() == "end, " + std::to_string(good.size()) + " lines",
           "the uplink was closed after everything had been sent");
    shipped.pop_back();
    std::sort(shipped.begin(), shipped.end());
    std::sort(good.begin(), good.end());
    expect(shipped == good, "every good line was shipped once");
    expect(outcome.totals.shipped == good.size(), "the shipped lines were counted");
    expect(outcome.totals.rejected > 0 && outcome.totals.rejected == lines_of(config.dead_letters()).size(),
           "the rejected lines were kept");
    expect(outcome.sources == 3 && dialled() == 1, "three logs shared one uplink");
    expect(outcome.report.ok() && outcome.refused_late_part, "the teardown went well");
    const auto* spool = outcome.report.find("spool");
    const auto* uplink = outcome.report.find("uplink");
    expect(spool->ended <= uplink->started, "the spool was flushed before the uplink was closed");
}

void verify_exports(const asyncdrop::TeardownReport& report) {
    expect(asyncdrop::to_json(report).find("\"name\":\"spool\"") != std::string::npos, "JSON has the spool");
    expect(asyncdrop::to_chrome_trace(report).find("\"traceEvents\"") != std::string::npos, "it is a trace");
    expect(asyncdrop::to_graphviz(report).find("\"spool\" -> \"uplink\"") != std::string::npos,
           "the graph shows who uses whom");
}

// A required log is missing: the error arrives, and what was open has been closed.
void verify_failed_start(const Config& config) {
    std::filesystem::remove(config.folder / "access.log");
    bool failed = false;
    try {
        ship(config);
    } catch (const boost::system::system_error& error) {
        failed = error.code() == boost::system::errc::no_such_file_or_directory;
    }
    expect(failed, "a service without a required log does not start, and says why");
}

void run_and_verify(const std::filesystem::path& folder) {
    asyncdrop::set_guard_registry(true);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const Config config{folder, {"batch.log", "missing.log"}};
    std::vector<std::string> good;
    write_log(folder / "system.log", 40, good);
    write_log(folder / "access.log", 25, good);
    write_log(folder / "batch.log", 33, good);

    const Outcome outcome = ship(config);
    verify(config, outcome, good);
    verify_exports(outcome.report);
    verify_failed_start(config);
    expect(asyncdrop::live_guards().empty(), "no guard is left:\n" + asyncdrop::live_guards_text());
    rehearse();
    std::filesystem::remove_all(folder);
    std::printf("%sshipped %zu lines, rejected %zu, with asyncdrop %s\n", outcome.report.to_text().c_str(),
                outcome.totals.shipped, outcome.totals.rejected, ASYNCDROP_VERSION_STRING);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        run_and_verify(std::filesystem::absolute(argc > 1 ? argv[1] : "log_shipper.work"));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "log_shipper: %s\n", error.what());
        return 1;
    }
}
