// The library's own executors, of which a coroutine sees one while a resource is created or torn down: equal
// if work runs at the same place, as Asio asks of executors.
#include <gtest/gtest.h>

#include <asyncdrop/detail/serial_executor.hpp>
#include <asyncdrop/detail/teardown_executor.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>

namespace {

namespace asio = boost::asio;
using asyncdrop::detail::SerialExecutor;
using asyncdrop::detail::TeardownExecutor;

TEST(OwnExecutors, SerialOnesAreEqualIfTheyAreTheSameStrand) {
    asio::io_context context;
    const SerialExecutor first = SerialExecutor::of(context.get_executor());
    const SerialExecutor copy = first;
    const SerialExecutor second = SerialExecutor::of(context.get_executor());
    EXPECT_TRUE(first == copy);
    EXPECT_TRUE(first != second);
    EXPECT_TRUE(asio::any_io_executor(first) == asio::any_io_executor(copy));
    EXPECT_FALSE(asio::any_io_executor(first) == asio::any_io_executor(second));
}

TEST(OwnExecutors, ThoseOfATeardownAreEqualForTheSameGraphAndTheSamePlace) {
    asio::io_context here;
    asio::io_context there;
    constexpr std::uint64_t graph = 7;
    const TeardownExecutor first(here.get_executor(), graph);
    EXPECT_TRUE(first == TeardownExecutor(here.get_executor(), graph));
    EXPECT_TRUE(first != TeardownExecutor(there.get_executor(), graph));
    EXPECT_TRUE(first != TeardownExecutor(here.get_executor(), graph + 1));
    EXPECT_TRUE(asio::any_io_executor(first) ==
                asio::any_io_executor(TeardownExecutor(here.get_executor(), graph)));
    EXPECT_FALSE(asio::any_io_executor(first) == asio::any_io_executor(here.get_executor()));
}

TEST(OwnExecutors, RunWorkWhereTheyWereMadeFor) {
    asio::io_context context;
    int ran = 0;
    asio::post(SerialExecutor::of(context.get_executor()), [&ran] { ran += 1; });
    asio::post(TeardownExecutor(context.get_executor(), 7), [&ran] { ran += 10; });
    EXPECT_EQ(ran, 0);
    context.run();
    EXPECT_EQ(ran, 11);
}

}  // namespace
