// The table of budgets: what each operation may cost. tests/unit/budgets/renew measures and writes the
// numbers anew; the tests never do.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tests/unit/budgets/cost.hpp"

namespace demofs::fs::test {

enum class State : std::uint8_t {
    warm,  // a similar operation came before: everything that may be in memory is
    cold,  // the vault has just been mounted
};

struct Budget {
    std::string_view operation;
    State state;
    Cost cost;
};

extern const std::span<const Budget> budgets;

}  // namespace demofs::fs::test
