// What the daemon answers when it is asked to make everything durable before it is unmounted (`demofs unmount
// --flush`): one line of JSON on the control socket.
//
// Threads: plain functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace demofs::app {

struct FlushOutcome {
    bool going_down = false;   ///< the mount is ending anyway: its teardown saves everything
    std::size_t files = 0;     ///< that had changes
    std::uint64_t bytes = 0;   ///< that were not durable
    std::uint64_t commit = 0;  ///< the newest durable one
    std::string error;         ///< why not everything is durable; empty if it is
};

std::string to_json(const FlushOutcome& outcome);

/// Throws Error if `json` is not what to_json makes.
FlushOutcome parse_flush_outcome(const std::string& json);

/// For a person: "Flushed: 3 files, 12 MB, commit 42". Of one without an error, and not going down.
std::string describe_flush(const FlushOutcome& outcome);

}  // namespace demofs::app
