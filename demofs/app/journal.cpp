#include "demofs/app/journal.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace demofs::app {

namespace {

Priority priority_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::critical:
            return Priority::critical;
        case spdlog::level::err:
            return Priority::error;
        case spdlog::level::warn:
            return Priority::warning;
        case spdlog::level::info:
            return Priority::info;
        default:
            return Priority::debug;
    }
}

}  // namespace

// Device and inode of the stream: whoever has sent standard error elsewhere has inherited the variable all the same.
bool stderr_is_journal() {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat status{};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

std::string journal_lines(Priority priority, const std::string& text) {
    const std::string prefix = "<" + std::to_string(static_cast<int>(priority)) + ">";
    std::istringstream lines(text);
    std::string out;
    for (std::string line; std::getline(lines, line);) out += prefix + line + "\n";
    return out;
}

void JournalFormatter::format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& destination) {
    const std::string text(message.payload.data(), message.payload.size());
    const std::string lines = journal_lines(priority_of(message.level), text);
    destination.append(lines.data(), lines.data() + lines.size());
}

std::unique_ptr<spdlog::formatter> JournalFormatter::clone() const {
    return std::make_unique<JournalFormatter>();
}

}  // namespace demofs::app
