// What is written to the journal of systemd through standard error: each line there is an entry, and begins with its
// priority in angle brackets (sd-daemon(3)), so that `journalctl -p warning` finds what it should. The journal
// adds time and process itself.
//
// Threads: plain functions; the formatter belongs to its sink, as spdlog wants it.
#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>

namespace demofs::app {

/// Whether standard error is the stream that systemd has given to this process for its journal (JOURNAL_STREAM).
bool stderr_is_journal();

/// The priorities of syslog(3).
enum class Priority { critical = 2, error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// Every line of `text` with its priority in front, each ended.
std::string journal_lines(Priority priority, const std::string& text);

class JournalFormatter final : public spdlog::formatter {
  public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& destination) override;
    std::unique_ptr<spdlog::formatter> clone() const override;
};

}  // namespace demofs::app
