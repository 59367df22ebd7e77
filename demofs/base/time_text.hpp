// Points in time, for people.
//
// Threads: plain functions.
#pragma once

#include <chrono>
#include <string>

namespace demofs {

/// "2026-01-31 23:59:59 UTC".
[[nodiscard]] std::string utc_text(std::chrono::sys_seconds time);

}  // namespace demofs
