// The commands of the demofs program, each with the settings that its options fill. Every command returns an
// exit code or throws; main() prints what was thrown.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "demofs/app/logging.hpp"
#include "demofs/app/new_key.hpp"
#include "demofs/app/password.hpp"

namespace demofs::app {

struct InitSettings {
    std::string vault;
    PasswordSource password;
    std::string cipher = "aes-256-gcm";
    bool recovery_key = false;  ///< another key slot
    KeyCost cost;
};
int run_init(const InitSettings& settings);

struct MountSettings {
    std::string vault;
    std::string mount_point;
    PasswordSource password;
    bool foreground = false;
    bool allow_other = false;
    bool noexec = false;
    bool read_only = false;
    std::optional<std::string> history;  ///< of several, the one to show: as history_id() takes it
    bool accept_fork = false;
    bool accept_rollback = false;
    std::chrono::seconds wait{30};         ///< for the end of an earlier mount of the vault that is saving
    std::chrono::seconds idle_timeout{0};  ///< 0: never
    std::size_t cache_mib = 16;            ///< decrypted blocks
    std::size_t tree_cache_mib = 64;       ///< tree nodes
    std::size_t dirty_mib = 16;            ///< written, not yet durable
    std::chrono::milliseconds commit_interval{5000};
    std::chrono::seconds teardown_timeout{0};    ///< without any progress; 0: never gives up
    std::optional<std::string> teardown_report;  ///< a file the report is written to, as text
    std::optional<std::string> teardown_trace;   ///< the same as a Chrome trace
    std::optional<std::string> teardown_graph;   ///< the same in Graphviz' language
    std::vector<std::string> store_faults;       ///< injected from the mount on: see store::parse_fault
    LogSettings log;
};
int run_mount(const MountSettings& settings);

struct UnmountSettings {
    std::string mount_point;
    bool lazy = false;                            ///< detaches and returns
    bool flush = false;                           ///< saves everything first, and stays mounted if it cannot
    std::optional<std::chrono::seconds> timeout;  ///< for waiting; none: until the daemon has ended
    bool verbose = false;
    bool json = false;
};
int run_unmount(const UnmountSettings& settings);

struct StatusSettings {
    std::optional<std::string> mount_point;  ///< none: all of this user
    bool watch = false;                      ///< once a second, until the mount or the user ends it
    bool json = false;
};
int run_status(const StatusSettings& settings);

struct InfoSettings {
    std::string vault;
    PasswordSource password;
    bool unlock = false;  ///< ask for the password and look inside
};
int run_info(const InfoSettings& settings);

struct CheckVaultSettings {
    std::string vault;
    PasswordSource password;
    bool read_data = false;  ///< every block of file content, too
    bool json = false;       ///< the report as JSON
};
int run_check(const CheckVaultSettings& settings);

struct ForkSettings {
    std::string action;  ///< "list" or "accept"
    std::string vault;
    std::optional<std::string> history;  ///< the one to accept: as history_id() takes it; none: the newest
    PasswordSource password;
    bool json = false;  ///< the list as JSON
};
int run_fork(const ForkSettings& settings);

struct KeySettings {
    std::string action;  ///< "list", "add", "remove" or "change"
    std::string vault;
    std::optional<std::uint32_t> slot;  ///< to remove or change; none: change the one that the password opens
    PasswordSource password;            ///< that opens the vault now
    PasswordSource new_key;             ///< that is to open it
    bool recovery_key = false;          ///< a new one in place of that
    std::optional<std::string> name;
    KeyCost cost;
    bool json = false;  ///< the list as JSON
};
int run_key(const KeySettings& settings);

}  // namespace demofs::app
