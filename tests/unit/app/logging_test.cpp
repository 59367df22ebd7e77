#include "demofs/app/logging.hpp"

#include <gtest/gtest.h>

#include <asyncdrop/guard.hpp>
#include <fstream>
#include <iterator>

#include "tests/support/temp_dir.hpp"

namespace demofs::app {
namespace {

struct Resource {
    void async_drop_impl() noexcept {}
};

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(LogOfReports, HasTheForgottenDropWithItsPlaceAndALevel) {
    const test_support::TempDir folder;
    LogSettings settings;
    settings.file = (folder / "log").string();
    const auto logger = make_logger(settings);
    logger->set_pattern("%l [%s:%#] %v");
    const auto action = asyncdrop::set_forgotten_action(asyncdrop::ForgottenReason::forgotten,
                                                        asyncdrop::ForgottenAction::print);
    log_reports_of_asyncdrop(logger);
    {
        const auto guard = asyncdrop::AsyncDropGuard<Resource>::adopt(Resource());
    }
    log_reports_of_asyncdrop(nullptr);
    asyncdrop::set_forgotten_action(asyncdrop::ForgottenReason::forgotten, action);
    logger->flush();

    const std::string log = content_of(*settings.file);
    EXPECT_NE(log.find("error [logging_test.cpp:"), std::string::npos) << log;
    EXPECT_NE(log.find("Forgot to call async_drop on demofs::app::"), std::string::npos) << log;
}

}  // namespace
}  // namespace demofs::app
