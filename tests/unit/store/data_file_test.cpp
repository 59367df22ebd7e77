#include "demofs/store/io/data_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temp_dir.hpp"

namespace demofs::store {
namespace {

TEST(DataFile, ACachedReadKnowsTheEndOfTheFile) {
    const test_support::TempDir directory;
    const FileDescriptor file(::open((directory / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const Bytes data(10'000, std::byte{1});
    ASSERT_EQ(::pwrite(file.get(), data.data(), data.size(), 0), 10'000);
    bool supported = true;
    Bytes out(4'000);
    const auto at_end = read_cached(file.get(), 8'000, out, supported);
    if (!supported)
        GTEST_SKIP() << "THIS FILE SYSTEM CANNOT READ WITHOUT WAITING: cached reads are not tested";
    if (at_end) {  // the page may have been evicted: then nothing is right as well
        EXPECT_EQ(*at_end, 2'000U);
    }
    bool never = false;
    EXPECT_EQ(read_cached(file.get(), 0, out, never), std::nullopt);
}

}  // namespace
}  // namespace demofs::store
