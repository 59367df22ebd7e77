#include "tests/unit/budgets/cost.hpp"

namespace demofs::fs::test {

std::vector<std::string> differences(const Cost& budget, const Cost& got) {
    std::vector<std::string> found;
    for (const CostField& field : cost_fields) {
        const std::int64_t expected = budget.*field.value;
        const std::int64_t actual = got.*field.value;
        const std::string name(field.name);
        if (actual > expected) {
            found.push_back(name + ": expected ≤ " + std::to_string(expected) + ", got " +
                            std::to_string(actual));
        } else if (actual < expected && field.value != &Cost::allocations) {
            found.push_back(name + ": got only " + std::to_string(actual) + ", the budget is " +
                            std::to_string(expected) + "; lower it, or that can be lost again");
        }
    }
    return found;
}

std::string as_row(const Cost& cost) {
    std::string row;
    for (const CostField& field : cost_fields)
        row += (row.empty() ? "{" : ", ") + std::to_string(cost.*field.value);
    return row + "}";
}

}  // namespace demofs::fs::test
