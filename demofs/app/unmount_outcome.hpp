// What an unmount ends with: what was saved, what was not, and how the teardown went. The daemon makes it and
// sends it as one line of JSON; `demofs unmount` shows it.
//
//     {"code": 0, "files": 3, "bytes": 12000000, "commit": 42, "problems": [sentences],
//      "not_saved": [{"inode": 7, "path": "notes/todo.txt" or null}], "not_saved_files": 1,
//      "teardown": {as asyncdrop::to_json}}
//
// Paths go to this socket only, never to the log: names of the vault's inside are secret.
//
// Threads: plain functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "demofs/app/mount_users.hpp"
#include "demofs/base/types.hpp"

namespace demofs::app {

/// A file whose last changes are lost.
struct UnsavedFile {
    InodeNumber inode{};
    std::string path;  ///< below the mount; empty: not known
};

struct UnmountOutcome {
    int code = 0;                        ///< the daemon's exit code
    std::size_t files = 0;               ///< that had changes to save when the mount ended
    std::uint64_t bytes = 0;             ///< that the last commit had to save
    std::uint64_t commit = 0;            ///< the newest durable one
    std::vector<std::string> problems;   ///< whole sentences
    std::vector<UnsavedFile> not_saved;  ///< the first of them
    std::size_t not_saved_files = 0;     ///< all of them
    std::string teardown;                ///< JSON of the report
};

std::string to_json(const UnmountOutcome& outcome);

/// What a person is shown of an outcome.
struct OutcomeText {
    std::string summary;               ///< one line: "All saved: 3 files, 12 MB, commit 42, 0.1 s"
    std::vector<std::string> details;  ///< what was not saved, by path, and why
    std::string timeline;              ///< each part of the teardown with a bar, in the order of their begins
};

/// From the daemon's JSON; `seconds`: how long the user has waited. Throws Error if it is no such JSON.
OutcomeText describe_outcome(const std::string& json, double seconds);

/// What `demofs unmount --json` prints, however it ends.
struct UnmountAnswer {
    int code = 0;       ///< the command's exit code
    std::string error;  ///< a sentence; empty if it did what it was asked for
    std::string mount_point;
    double seconds = 0;                  ///< that the user has waited
    bool detached = false;               ///< lazily: the daemon goes on
    std::vector<std::string> notices;    ///< what there was to say meanwhile
    std::vector<MountUser> users;        ///< who keeps it busy, as far as that was found out
    std::optional<std::string> flushed;  ///< JSON (flush_outcome.hpp), if that was asked for
    std::optional<std::string> outcome;  ///< the daemon's JSON, if it has ended with one
};

/// One line: `code`, `error` (null if there is none), `mount_point`, `seconds`, `detached`, `notices`, `users`, and
/// what is there of `flushed` and of the daemon's outcome.
std::string to_json(const UnmountAnswer& answer);

}  // namespace demofs::app
