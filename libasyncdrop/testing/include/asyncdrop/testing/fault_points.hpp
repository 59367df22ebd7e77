// testing::FaultPoints: places in a program at which a test lets it fail, one after the other.
//
//     const auto scenario = [](asyncdrop::testing::FaultPoints& faults) {
//         ServiceSettings settings;
//         settings.at = [&faults](std::string_view step) { faults.reach(step); };   // the program's own seam
//         ...run the service, look at what it left...
//     };
//     asyncdrop::testing::at_each_fault_point(scenario);
//
// The scenario runs once undisturbed, which tells what points it reaches, and then once for each of them, failing
// there. So every way out of a program that comes up, works and goes down is taken once, and a step that is
// added to the program is in the test.
//
// Contract:
//  * the scenario reaches the same points in the same order each time, up to the one that fails;
//  * it leaves nothing behind: each run makes its resources anew.
//
// Threads: one FaultPoints from one strand.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asyncdrop::testing {

/// What reach() throws at the chosen point.
class InjectedFault : public std::runtime_error {
  public:
    /// At the point of this name, which is copied.
    explicit InjectedFault(std::string_view point)
        : std::runtime_error("injected fault at " + std::string(point)), point_(point) {}

    /// The name of the point.
    const std::string& point() const noexcept { return point_; }

  private:
    std::string point_;
};

/// Counts the points that a program reaches, and fails at one of them.
class FaultPoints {
  public:
    /// Fails at none.
    FaultPoints() = default;
    /// Fails at the `nth`, counted from 1.
    explicit FaultPoints(std::size_t nth) : nth_(nth) {}
    FaultPoints(const FaultPoints&) = delete;
    FaultPoints& operator=(const FaultPoints&) = delete;

    /// The program is at the point of this name. Errors: InjectedFault if it is the chosen one.
    void reach(std::string_view name) {
        reached_.emplace_back(name);
        if (reached_.size() == nth_) throw InjectedFault(name);
    }

    /// The names of the points so far, in their order.
    const std::vector<std::string>& reached() const noexcept { return reached_; }
    /// Whether the chosen point was reached.
    bool failed() const noexcept { return nth_ != 0 && reached_.size() >= nth_; }

  private:
    std::size_t nth_ = 0;
    std::vector<std::string> reached_;
};

/// Calls `scenario(FaultPoints&)` once without a fault, and then once with a fault at each point that it reached.
/// Errors: what the scenario throws; std::logic_error if it reaches no point, or others than before.
template <class Scenario>
void at_each_fault_point(Scenario&& scenario) {
    FaultPoints undisturbed;
    scenario(undisturbed);
    const std::vector<std::string> points = undisturbed.reached();
    if (points.empty()) throw std::logic_error("the scenario reaches no fault point: is its seam connected?");
    for (std::size_t nth = 1; nth <= points.size(); ++nth) {
        FaultPoints faults(nth);
        scenario(faults);
        for (std::size_t i = 0; i < nth; ++i) {
            if (i >= faults.reached().size() || faults.reached()[i] != points[i])
                throw std::logic_error("the scenario does not repeat itself: point " + std::to_string(i + 1) +
                                       " was " + points[i] + " before");
        }
    }
}

}  // namespace asyncdrop::testing
