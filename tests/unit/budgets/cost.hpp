// What an operation of the filesystem costs, in things that can be counted exactly.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace demofs::fs::test {

inline constexpr std::int64_t not_counted = -1;

struct Cost {
    std::int64_t waits = 0;  // requests that could not be answered at once, and became a coroutine
    std::int64_t reads = 0;  // of the store, also those answered from memory
    std::int64_t appends = 0;
    std::int64_t syncs = 0;
    std::int64_t encrypted_bytes = 0;
    std::int64_t decrypted_bytes = 0;
    std::int64_t allocations = 0;  // or not_counted

    friend bool operator==(const Cost&, const Cost&) = default;
};

struct CostField {
    std::string_view name;
    std::int64_t Cost::* value;
};

inline constexpr std::array cost_fields = {
    CostField{"waits", &Cost::waits},
    CostField{"store reads", &Cost::reads},
    CostField{"store appends", &Cost::appends},
    CostField{"store syncs", &Cost::syncs},
    CostField{"encrypted bytes", &Cost::encrypted_bytes},
    CostField{"decrypted bytes", &Cost::decrypted_bytes},
    CostField{"allocations", &Cost::allocations},
};

// What `got` differs from `budget` in, a sentence each; empty if it is met. Everything is exact but the
// allocations, of which compilers need different numbers: they may be fewer.
std::vector<std::string> differences(const Cost& budget, const Cost& got);

// The numbers as the table of budgets has them: "{0, 1, 1, 1, 8240, 0, 17}".
std::string as_row(const Cost& cost);

}  // namespace demofs::fs::test
