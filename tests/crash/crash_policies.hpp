// What a loss of power may leave of bytes that no sync has covered: each of these is tried.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "demofs/store/testing/memory_disk.hpp"

namespace demofs::crash_test {

struct Policy {
    std::string name;
    std::function<store::MemoryDisk(const store::MemoryDisk&)> crash;

    Policy(std::string its_name, std::function<store::MemoryDisk(const store::MemoryDisk&)> its_crash)
        : name(std::move(its_name)), crash(std::move(its_crash)) {}
    Policy(std::string its_name, store::CrashPolicy policy)
        : name(std::move(its_name)),
          crash([policy](const store::MemoryDisk& at) { return at.crashed(policy); }) {}
};

inline std::vector<Policy> policies(std::uint64_t seed) {
    return {
        {"lost", store::lose_unsynced()},
        {"lost with the page in flight", [](const store::MemoryDisk& at) { return at.crashed_in_pages(); }},
        {"zeros ahead", store::zero_unsynced(64 << 10)},
        {"kept", store::keep_unsynced()},
        {"torn at 64", store::tear_unsynced_at(64)},
        {"torn at a sector", store::tear_unsynced_at(512 * (1 + seed % 16))},
        {"torn anywhere", store::tear_unsynced_at(1 + seed % 9973)},
        {"torn at 4096", store::tear_unsynced_at(4096)},
        {"reordered", store::reorder_unsynced(seed)},
        {"reordered otherwise", store::reorder_unsynced(seed + 1)},
        {"reordered again", store::reorder_unsynced(seed + 2)},
    };
}

}  // namespace demofs::crash_test
