// testing::FaultPoints: which runs at_each_fault_point makes, and what it refuses.

#include <asyncdrop/testing/fault_points.hpp>

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace {

using asyncdrop::testing::at_each_fault_point;
using asyncdrop::testing::FaultPoints;
using asyncdrop::testing::InjectedFault;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(FaultPoints, FailAtTheChosenOneOnly) {
    FaultPoints faults(2);
    faults.reach("open");
    EXPECT_FALSE(faults.failed());
    try {
        faults.reach("write");
        FAIL() << "must throw";
    } catch (const InjectedFault& fault) {
        EXPECT_EQ(fault.point(), "write");
        EXPECT_THAT(fault.what(), HasSubstr("injected fault at write"));
    }
    EXPECT_TRUE(faults.failed());
    faults.reach("close");
    EXPECT_THAT(faults.reached(), ElementsAre("open", "write", "close"));
}

TEST(FaultPoints, EachIsFailedOnceAfterARunWithoutAFault) {
    std::vector<std::string> failed;
    const auto scenario = [&failed](FaultPoints& faults) {
        std::string at = "none";
        try {
            faults.reach("open");
            faults.reach("write");
        } catch (const InjectedFault& fault) {
            at = fault.point();
        }
        try {
            faults.reach("close");  // cleanup, also after a fault
        } catch (const InjectedFault& fault) {
            at = fault.point();
        }
        EXPECT_EQ(faults.failed(), at != "none");
        failed.push_back(at);
    };
    at_each_fault_point(scenario);
    EXPECT_THAT(failed, ElementsAre("none", "open", "write", "close"));
}

TEST(FaultPoints, AScenarioThatIsNotConnectedOrNotTheSameIsRefused) {
    const auto nothing = [](FaultPoints&) {};
    EXPECT_THROW(at_each_fault_point(nothing), std::logic_error);
    int runs = 0;
    const auto changing = [&runs](FaultPoints& faults) {
        try {
            faults.reach(++runs == 1 ? "open" : "create");
        } catch (const InjectedFault&) {
        }
    };
    EXPECT_THROW(at_each_fault_point(changing), std::logic_error);
    const auto shrinking = [&runs](FaultPoints& faults) {
        if (++runs == 3) faults.reach("open");
    };
    EXPECT_THROW(at_each_fault_point(shrinking), std::logic_error);
}

TEST(FaultPoints, WhatTheScenarioThrowsIsPassedOn) {
    const auto scenario = [](FaultPoints& faults) { faults.reach("open"); };  // does not catch
    EXPECT_THROW(at_each_fault_point(scenario), InjectedFault);
}

}  // namespace
