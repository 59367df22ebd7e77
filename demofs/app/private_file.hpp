// Files that the daemon writes for its user: what they tell of a vault is nobody else's business.
//
// Threads: plain functions.
#pragma once

#include <string>

namespace demofs::app {

/// Makes an empty file that only the user may read (mode 0600), unless there is one: that keeps its mode. What
/// keeps it from being made is left to whoever opens it next.
void make_private_file(const std::string& file) noexcept;

}  // namespace demofs::app
