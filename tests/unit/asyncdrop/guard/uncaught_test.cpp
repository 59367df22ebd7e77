// The library's own count of exceptions in flight is the standard one.
#include <gtest/gtest.h>

#include <asyncdrop/detail/uncaught.hpp>
#include <exception>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

struct Counts {
    int own;
    int standard;
};

Counts now() {
    return {asyncdrop::detail::uncaught_exceptions(), std::uncaught_exceptions()};
}

/// Counts in its destructor, and once more inside an exception of its own there.
class CountsWhileUnwinding {
  public:
    explicit CountsWhileUnwinding(std::vector<Counts>& counts, int deeper)
        : counts_(&counts), deeper_(deeper) {}
    CountsWhileUnwinding(const CountsWhileUnwinding&) = delete;
    CountsWhileUnwinding& operator=(const CountsWhileUnwinding&) = delete;
    ~CountsWhileUnwinding() {
        counts_->push_back(now());
        if (deeper_ == 0) return;
        try {
            const CountsWhileUnwinding inner(*counts_, deeper_ - 1);
            throw std::runtime_error("inner");
        } catch (const std::runtime_error&) {
            counts_->push_back(now());
        }
    }

  private:
    std::vector<Counts>* counts_;
    int deeper_;
};

std::vector<int> own_counts_of_an_exception_in_an_exception() {
    std::vector<Counts> counts{now()};
    try {
        const CountsWhileUnwinding outer(counts, 1);
        throw std::runtime_error("outer");
    } catch (const std::runtime_error&) {
        counts.push_back(now());
    }
    std::vector<int> own;
    for (const Counts& c : counts) {
        EXPECT_EQ(c.own, c.standard);
        own.push_back(c.own);
    }
    return own;
}

TEST(UncaughtExceptions, AreCountedLikeTheStandardCountsThem) {
    EXPECT_EQ(own_counts_of_an_exception_in_an_exception(), (std::vector{0, 1, 2, 1, 0}));
}

TEST(UncaughtExceptions, AreCountedForEachThread) {
    std::vector<int> here;
    std::vector<int> there;
    try {
        struct OnUnwinding {
            std::vector<int>* here;
            std::vector<int>* there;
            ~OnUnwinding() {
                here->push_back(asyncdrop::detail::uncaught_exceptions());
                std::thread([this] { *there = own_counts_of_an_exception_in_an_exception(); }).join();
            }
        } const on_unwinding{&here, &there};
        throw std::runtime_error("here");
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(here, std::vector{1});
    EXPECT_EQ(there, (std::vector{0, 1, 2, 1, 0}));
}

}  // namespace
