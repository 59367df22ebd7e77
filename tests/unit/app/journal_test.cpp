#include "demofs/app/journal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace demofs::app {
namespace {

std::string formatted(spdlog::level::level_enum level, const std::string& text) {
    spdlog::memory_buf_t buffer;
    JournalFormatter().format(spdlog::details::log_msg("demofs", level, text), buffer);
    return {buffer.data(), buffer.size()};
}

TEST(Journal, GetsEachLineWithItsPriority) {
    EXPECT_EQ(formatted(spdlog::level::info, "Mounted"), "<6>Mounted\n");
    EXPECT_EQ(formatted(spdlog::level::err, "Teardown:\n  tree\n  store\n"),
              "<3>Teardown:\n<3>  tree\n<3>  store\n");
    EXPECT_EQ(formatted(spdlog::level::warn, "a\n\nb"), "<4>a\n<4>\n<4>b\n");
    EXPECT_EQ(formatted(spdlog::level::critical, "x"), "<2>x\n");
    EXPECT_EQ(formatted(spdlog::level::debug, "x"), "<7>x\n");
    EXPECT_EQ(formatted(spdlog::level::trace, "x"), "<7>x\n");
}

TEST(Journal, IsKnownByItsStream) {
    struct stat status{};
    ASSERT_EQ(::fstat(STDERR_FILENO, &status), 0);
    const std::string here = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    ::setenv("JOURNAL_STREAM", here.c_str(), 1);
    EXPECT_TRUE(stderr_is_journal());
    ::setenv("JOURNAL_STREAM", (here + "1").c_str(), 1);
    EXPECT_FALSE(stderr_is_journal());
    ::unsetenv("JOURNAL_STREAM");
    EXPECT_FALSE(stderr_is_journal());
}

}  // namespace
}  // namespace demofs::app
