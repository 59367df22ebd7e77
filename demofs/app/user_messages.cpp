// A sentence may end with the lines of another program: they belong to it.
#include "demofs/app/user_messages.hpp"

#include <iostream>

#include "demofs/app/journal.hpp"

namespace demofs::app {

namespace {

void say(Priority priority, const std::string& sentence) {
    const std::string text = "demofs: " + sentence + "\n";
    std::cerr << (stderr_is_journal() ? journal_lines(priority, text) : text) << std::flush;
}

}  // namespace

void say_notice(const std::string& sentence) {
    say(Priority::notice, sentence);
}

void say_error(const std::string& sentence) {
    say(Priority::error, sentence);
}

}  // namespace demofs::app
