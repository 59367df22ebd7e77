// What a daemon says about itself when it is asked: `demofs status`. One line of JSON on the control socket.
//
// Threads: plain functions.
#pragma once

#include <sys/types.h>

#include <asyncdrop/registry.hpp>
#include <asyncdrop/teardown_report.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace demofs::app {

/// Counts of one moment. What is not there any more (the filesystem, late in a teardown) is nothing.
struct DaemonStatus {
    std::string vault;
    std::string mount_point;
    pid_t pid = 0;
    bool read_only = false;
    std::string state;   ///< "coming up", "mounted", "detached", "unmounting", "tearing down"
    std::string device;  ///< the filesystem's, "0:52"; empty while it is not mounted
    std::vector<std::string> mounted_on;  ///< where it is seen now: not at `mount_point`, if it was moved
    std::uint64_t requests = 0;
    std::uint64_t in_flight = 0;

    struct Files {
        std::size_t open_handles = 0;
        std::size_t unsaved = 0;   ///< files and directories with changes that are not durable
        std::size_t buffered = 0;  ///< files with content that has not reached the tree
    };
    std::optional<Files> files;

    struct Memory {
        std::size_t tree_bytes = 0;        ///< nodes of the metadata tree
        std::size_t tree_dirty_bytes = 0;  ///< of those that are not stored yet
        std::size_t unsaved_bytes = 0;     ///< blocks that no sync covers yet
        std::size_t cache_limit_bytes = 0;
        std::uint64_t last_commit = 0;
        std::optional<std::chrono::seconds> last_commit_age;
    };
    std::optional<Memory> memory;

    /// What the store has not answered yet, as far as that is so: its oldest operation.
    struct StoreWait {
        std::string operation;  ///< "sync of 5f0c19ae"
        std::chrono::steady_clock::duration age{};
    };
    std::optional<StoreWait> store_wait;

    std::vector<std::string> store_faults;              ///< injected, as they were given
    std::size_t held_operations = 0;                    ///< of the store, by such a fault
    std::string storage_failure;                        ///< a sentence; empty while all is well
    std::vector<asyncdrop::LiveGuard> guards;           ///< the registry's
    std::optional<asyncdrop::TeardownReport> teardown;  ///< as it stands
    std::string waiting_for;  ///< what the teardown waits for, and how long; or empty
};

std::string to_json(const DaemonStatus& status);

/// Which filesystem a daemon serves, and where that is mounted.
struct ServedFilesystem {
    std::string device;
    std::vector<std::string> mounted_on;
};
/// Of what to_json makes. Throws Error for anything else.
ServedFilesystem served_filesystem(const std::string& json);

/// For a person, several lines, with the rate of requests if it is known. Throws Error if `json` is not what
/// to_json makes.
std::string describe_status(const std::string& json, std::optional<double> requests_per_s = std::nullopt);

/// How many requests a second daemons have served between two looks at their status.
class RequestRates {
  public:
    using Clock = std::chrono::steady_clock;

    /// Of the daemon whose status this is, since it was looked at before; nothing at the first look. Throws
    /// Error if `json` is not what to_json makes.
    std::optional<double> look(const std::string& json, Clock::time_point now);

  private:
    struct Look {
        std::uint64_t requests = 0;
        Clock::time_point when;
    };
    std::map<pid_t, Look> last_;
};

/// The nodes of a teardown that are being dropped: "tree, since 5.0 s".
std::string waiting_for(const asyncdrop::TeardownReport& report);

}  // namespace demofs::app
