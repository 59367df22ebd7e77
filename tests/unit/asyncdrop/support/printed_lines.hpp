// What the library has to say, kept instead of printed.
//
// Threads: single-threaded.
#pragma once

#include <asyncdrop/forgotten.hpp>
#include <string>
#include <string_view>
#include <vector>

/// Keeps the library's messages while it lives; its lines are read until the next one is made.
class PrintedLines {
  public:
    PrintedLines() : before_(asyncdrop::set_message_sink(&keep)) { lines().clear(); }
    PrintedLines(const PrintedLines&) = delete;
    PrintedLines& operator=(const PrintedLines&) = delete;
    ~PrintedLines() { asyncdrop::set_message_sink(before_); }

    static std::vector<std::string>& lines() {
        static std::vector<std::string> all;
        return all;
    }

  private:
    static void keep(std::string_view line) noexcept { lines().emplace_back(line); }
    asyncdrop::MessageSink before_;
};
