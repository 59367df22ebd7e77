// The operations whose costs have budgets.
#pragma once

#include <string_view>

#include "tests/unit/budgets/stage.hpp"

namespace demofs::fs::test {

struct Operation {
    std::string_view name;
    // Warmed up by the very same operation (reading); else by the same on the other item (changing).
    bool repeats;
    // The operation on item 0 or 1 of the stage.
    void (*run)(Stage& stage, std::size_t item);
    // What precedes it each time and is not counted.
    void (*prepare)(Stage& stage) = nullptr;
    // It works on several pieces at once. Which coroutine frames Asio can reuse then depends on when the worker is
    // done with each: the allocations are not counted.
    bool overlaps = false;
};

// Throws std::out_of_range if there is none of this name.
const Operation& find_operation(std::string_view name);

}  // namespace demofs::fs::test
