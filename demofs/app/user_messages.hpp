// Sentences for whoever has started the program: "demofs: …" on standard error, with their priority where that is the
// journal of systemd.
//
// Threads: any; each sentence is written at once.
#pragma once

#include <string>

namespace demofs::app {

/// What the user should know although the command goes on.
void say_notice(const std::string& sentence);

/// Why the command has failed.
void say_error(const std::string& sentence);

}  // namespace demofs::app
