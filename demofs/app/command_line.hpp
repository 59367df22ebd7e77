// The command line: from words to the settings of a command.
//
// Threads: the main thread.
#pragma once

#include <string>
#include <vector>

namespace demofs::app {

/// Runs what `arguments` (without the program's name) ask for and returns the exit code. Never throws.
int run_command_line(const std::string& program, std::vector<std::string> arguments);

}  // namespace demofs::app
