// testing::order_violations: whether a teardown kept the order that its graph declares.
//
//     EXPECT_EQ(asyncdrop::testing::order_violations(report), std::vector<std::string>());
//
// The expected order is in the report: each node names what it uses. So a test does not repeat the graph, and
// stays right when a resource is added.
//
// Threads: plain functions.
#pragma once

#include <asyncdrop/teardown_report.hpp>
#include <string>
#include <vector>

namespace asyncdrop::testing {

/// A sentence for each pair of nodes that was not cleaned up in order: the user's cleanup had not ended when that of
/// what it uses began.
[[nodiscard]] inline std::vector<std::string> order_violations(const TeardownReport& report) {
    std::vector<std::string> violations;
    for (const NodeReport& user : report.nodes) {
        for (const std::string& name : user.uses) {
            const NodeReport* const used = report.find(name);
            if (used == nullptr || !used->started) continue;  // not begun: nothing was taken from its user
            if (!user.ended) {
                violations.push_back(name + " was cleaned up, and its user " + user.name + " was not");
            } else if (*user.ended > *used->started) {
                violations.push_back("the cleanup of " + name + " began before that of its user " +
                                     user.name + " had ended");
            }
        }
    }
    return violations;
}

}  // namespace asyncdrop::testing
