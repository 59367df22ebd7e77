// How much the enumerations do: enough for a minute or less, or what the environment says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>

namespace demofs::crash_test {

/// $DEMOFS_TEST_ROUNDS, or 1: a multiple of what is done by default.
inline std::uint64_t rounds() {
    const char* const given = std::getenv("DEMOFS_TEST_ROUNDS");
    return given != nullptr ? std::max<std::uint64_t>(1, std::strtoull(given, nullptr, 10)) : 1;
}

/// $DEMOFS_TEST_SEED, to repeat a run, or a new one.
inline std::uint64_t seed() {
    if (const char* const given = std::getenv("DEMOFS_TEST_SEED")) return std::strtoull(given, nullptr, 10);
    return std::random_device{}();
}

}  // namespace demofs::crash_test
