// How a user names one of several histories of a vault.
//
// Threads: plain functions.
#pragma once

#include <string>

#include "demofs/tree/recovery.hpp"

namespace demofs::app {

/// Eight hexadecimal digits.
std::string text_of(const tree::HistoryId& id);

/// The inverse. Throws Failure(exit_usage) for anything else.
tree::HistoryId history_id(const std::string& text);

}  // namespace demofs::app
