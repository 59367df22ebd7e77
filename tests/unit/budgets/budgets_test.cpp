// Every operation costs exactly what the table says: a path that has become slower, or one store access more,
// fails here on any machine. Time is not measured.
#include "tests/unit/budgets/budgets.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "tests/support/allocation_counter.hpp"
#include "tests/unit/budgets/operations.hpp"
#include "tests/unit/budgets/stage.hpp"

namespace demofs::fs::test {
namespace {

std::string title(const Budget& budget) {
    return std::string(budget.operation) + (budget.state == State::warm ? ", warm" : ", cold");
}

// Asio keeps a few coroutine frames for reuse by size, and the sizes are the compiler's: the numbers of the
// table are those of g++ with optimisation.
bool allocations_are_comparable() {
#if defined(__clang__) || !defined(__OPTIMIZE__)
    return false;
#else
    return test_support::counts_allocations();
#endif
}

Cost measure(const Budget& budget) {
    const Operation& operation = find_operation(budget.operation);
    Stage stage;
    if (budget.state == State::warm) {
        operation.run(stage, operation.repeats ? 1 : 0);
        stage.sync_all();
    }
    if (operation.prepare != nullptr) operation.prepare(stage);
    Cost cost = stage.cost_of([&] { operation.run(stage, 1); });
    if (operation.overlaps) cost.allocations = not_counted;
    return cost;
}

class Budgets : public testing::TestWithParam<Budget> {};

TEST_P(Budgets, IsMet) {
    const Budget& budget = GetParam();
    Cost got = measure(budget);
    if (!allocations_are_comparable()) got.allocations = budget.cost.allocations;
    std::string text;
    for (const std::string& difference : differences(budget.cost, got))
        text += title(budget) + ": " + difference + "\n";
    EXPECT_TRUE(text.empty()) << text << "measured: " << as_row(got)
                              << "\nIf that is meant, write it into the table with tests/unit/budgets/renew.";
    RecordProperty("operation", title(budget));
    RecordProperty("cost", as_row(got));
}

std::string test_name(const testing::TestParamInfo<Budget>& info) {
    std::string name;
    for (const char c : title(info.param)) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            name += c;
        } else if (!name.empty() && name.back() != '_') {
            name += '_';
        }
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(Operation, Budgets, testing::ValuesIn(budgets.begin(), budgets.end()), test_name);

TEST(BudgetTable, NamesEachOperationOnceForAState) {
    std::set<std::pair<std::string_view, State>> seen;
    for (const Budget& budget : budgets)
        EXPECT_TRUE(seen.emplace(budget.operation, budget.state).second) << title(budget);
}

TEST(BudgetTable, ADifferenceIsToldInOneSentence) {
    const Cost budget{0, 1, 1, 1, 4096, 0, 10};
    EXPECT_TRUE(differences(budget, budget).empty());
    Cost got = budget;
    got.appends = 2;
    EXPECT_EQ(differences(budget, got), std::vector<std::string>{"store appends: expected ≤ 1, got 2"});
    got = budget;
    got.encrypted_bytes = 4000;
    EXPECT_EQ(differences(budget, got).size(), 1u);
    got = budget;
    got.allocations = 9;
    EXPECT_TRUE(differences(budget, got).empty());
    got.allocations = 11;
    EXPECT_EQ(differences(budget, got), std::vector<std::string>{"allocations: expected ≤ 10, got 11"});
    EXPECT_EQ(as_row(budget), "{0, 1, 1, 1, 4096, 0, 10}");
}

// What the budgets count with.
TEST(CipherCounter, CountsContentByDirection) {
    Stage stage;
    const auto write = [&] {
        stage.write(stage.large[0], 0, 32 * 1024);
        stage.sync(stage.large[0]);
    };
    const Cost cold = stage.cost_of(write);
    const Cost warm = stage.cost_of(write);
    EXPECT_GT(cold.decrypted_bytes, 0);  // nodes of the tree
    EXPECT_EQ(warm.decrypted_bytes, 0);
    // The content, and a few nodes.
    EXPECT_GE(warm.encrypted_bytes, 32 * 1024);
    EXPECT_LT(warm.encrypted_bytes, 64 * 1024);
}

}  // namespace
}  // namespace demofs::fs::test
