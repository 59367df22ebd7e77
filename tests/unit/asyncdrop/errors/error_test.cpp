// AsyncDropError: which error wins, and that none is lost.
#include <asyncdrop/error.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::AsyncDropError;
using asyncdrop::CreationSite;
using asyncdrop::detail::combine;
using asyncdrop::detail::Failure;

std::exception_ptr error(const char* text) {
    return std::make_exception_ptr(std::runtime_error(text));
}

class Combined : public testing::Test {
  protected:
    static Failure failed(const char* text, const char* resource = "r") {
        return Failure(error(text), resource, CreationSite("file.cpp", 3));
    }
    /// Calls `check` with the AsyncDropError that `e` holds.
    template <class F>
    static void inspect(const std::exception_ptr& e, F check) {
        ASSERT_TRUE(e);
        try {
            std::rethrow_exception(e);
        } catch (const AsyncDropError& combined) {
            check(combined);
        } catch (...) {
            ADD_FAILURE() << "not an AsyncDropError";
        }
    }
};

TEST_F(Combined, NothingFailedIsNoError) {
    const std::array<Failure, 2> none;
    EXPECT_FALSE(combine(nullptr, none));
    EXPECT_FALSE(combine(nullptr, {}));
}

TEST_F(Combined, OneFailureIsDeliveredAsItself) {
    const auto body = error("body");
    const std::array<Failure, 2> none;
    EXPECT_EQ(combine(body, none), body);
    const std::array<Failure, 2> one{Failure(), failed("cleanup")};
    EXPECT_EQ(combine(nullptr, one), one[1].error);
}

TEST_F(Combined, TheBodysErrorIsPrimaryAndCleanupsFollowInOrder) {
    const std::array<Failure, 3> failures{failed("one", "a"), Failure(), failed("two", "b")};
    inspect(combine(error("body"), failures), [](const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "body");
        ASSERT_EQ(e.suppressed().size(), 2u);
        EXPECT_EQ(message(e.suppressed()[0].error), "one");
        EXPECT_EQ(message(e.suppressed()[1].error), "two");
        EXPECT_EQ(e.suppressed()[1].resource, "b");
        EXPECT_EQ(e.suppressed()[1].site.line(), 3u);
        EXPECT_STREQ(e.what(),
                     "body; while cleaning up a (created at file.cpp:3): one; while cleaning up b "
                     "(created at file.cpp:3): two");
    });
}

TEST_F(Combined, WithoutABodysErrorTheFirstCleanupsIsPrimary) {
    const std::array<Failure, 2> failures{failed("one"), failed("two")};
    inspect(combine(nullptr, failures), [](const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "one");
        ASSERT_EQ(e.suppressed().size(), 1u);
        EXPECT_EQ(message(e.suppressed()[0].error), "two");
    });
}

TEST_F(Combined, CombinedErrorsAreFlattened) {
    const std::array<Failure, 1> inner_failure{failed("inner cleanup", "inner")};
    const auto inner = combine(error("body"), inner_failure);
    const std::array<Failure, 2> member_failures{failed("m1"), failed("m2")};
    const auto composite = combine(nullptr, member_failures);
    const std::array<Failure, 2> outer{Failure(composite, "composite", CreationSite()), failed("last")};
    inspect(combine(inner, outer), [](const AsyncDropError& e) {
        EXPECT_EQ(message(e.primary()), "body");
        std::vector<std::string> all;
        for (const auto& suppressed : e.suppressed()) all.push_back(message(suppressed.error));
        EXPECT_THAT(all, testing::ElementsAre("inner cleanup", "m1", "m2", "last"));
        EXPECT_EQ(e.suppressed()[1].resource, "composite");
    });
}

TEST_F(Combined, ForeignExceptionsAreCarriedToo) {
    const std::array<Failure, 1> failures{Failure(std::make_exception_ptr(42), "r", CreationSite())};
    inspect(combine(error("body"), failures), [](const AsyncDropError& e) {
        EXPECT_THROW(std::rethrow_exception(e.suppressed()[0].error), int);
        EXPECT_THAT(e.what(), testing::HasSubstr("not a std::exception"));
    });
}

TEST_F(Combined, BoostsErrorsAreToldWithoutWhereInBoostTheyWereMade) {
    static constexpr boost::source_location place = BOOST_CURRENT_LOCATION;
    const boost::system::error_code code(boost::asio::error::make_error_code(boost::asio::error::eof),
                                         &place);
    const boost::system::system_error reading(code, "reading");
    ASSERT_THAT(reading.what(), testing::HasSubstr("error_test.cpp")) << "else this tests nothing";
    const std::array<Failure, 1> failures{Failure(std::make_exception_ptr(reading), "r", CreationSite())};
    inspect(combine(error("body"), failures), [](const AsyncDropError& e) {
        EXPECT_THAT(e.what(), testing::HasSubstr("reading: End of file"));
        EXPECT_THAT(e.what(), testing::Not(testing::HasSubstr("error_test.cpp")));
    });
}

TEST_F(Combined, CopiesShareTheirContentWithoutThrowing) {
    static_assert(std::is_nothrow_copy_constructible_v<AsyncDropError>);
    const std::array<Failure, 1> failures{failed("cleanup")};
    inspect(combine(error("body"), failures), [](const AsyncDropError& e) {
        const AsyncDropError copy = e;
        EXPECT_EQ(copy.primary(), e.primary());
        EXPECT_EQ(copy.suppressed().data(), e.suppressed().data());
    });
}

}  // namespace
}  // namespace asyncdrop_test
