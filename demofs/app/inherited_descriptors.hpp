// File descriptors that the program was started with.
//
// Two dangers: if descriptor 0, 1 or 2 is closed, the next file that is opened, a segment perhaps, becomes
// standard error; and a daemon that keeps a pipe of its caller open keeps that caller waiting for its end.
//
// Threads: before there are any.
#pragma once

#include <vector>

namespace demofs::app {

/// Opens /dev/null on those of 0, 1 and 2 that are closed. Call it before anything else is opened.
void occupy_standard_descriptors();

/// The descriptors above 2 that are open now.
std::vector<int> open_descriptors();

}  // namespace demofs::app
