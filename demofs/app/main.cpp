// The demofs program.
#include <sys/prctl.h>

#include <string>
#include <vector>

#include "demofs/app/command_line.hpp"
#include "demofs/app/inherited_descriptors.hpp"

int main(int argc, char** argv) {
    demofs::app::occupy_standard_descriptors();
    // No core dumps, no debugger of another process of this user: keys and plain text are in this memory.
    ::prctl(PR_SET_DUMPABLE, 0);
    const std::vector<std::string> words(argv, argv + argc);
    const std::string program = words.empty() ? "demofs" : words.front();
    return demofs::app::run_command_line(program, {words.begin() + (words.empty() ? 0 : 1), words.end()});
}
