// What happens when a drop was forgotten is a setting: the default handler, its actions by reason, and the
// report sink.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asyncdrop/forgotten.hpp>
#include <asyncdrop/guard.hpp>
#include <boost/asio/detached.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/asyncdrop/support/resource.hpp"

namespace asyncdrop_test {
namespace {

using asyncdrop::ForgottenAction;
using asyncdrop::ForgottenReason;
using asyncdrop::make_guard;
using testing::ElementsAre;
using testing::HasSubstr;

class Strictness : public testing::Test {
  protected:
    Journal log_;
};
using StrictnessDeathTest = Strictness;

/// Output of the default handler, through the message sink.
class DefaultHandler : public Strictness {
  protected:
    DefaultHandler() : former_(asyncdrop::set_message_sink(&collect)) { lines().clear(); }
    ~DefaultHandler() override { asyncdrop::set_message_sink(former_); }
    static std::vector<std::string>& lines() {
        static std::vector<std::string> all;
        return all;
    }

  private:
    static void collect(std::string_view line) noexcept { lines().emplace_back(line); }
    asyncdrop::MessageSink former_;
};

TEST_F(DefaultHandler, PrintsOneLineThroughTheSinkIfToldToPrint) {
    const auto former = asyncdrop::set_forgotten_action(ForgottenReason::forgotten, ForgottenAction::print);
    EXPECT_EQ(former, ForgottenAction::abort);
    {
        auto guard = make_guard<Resource>(log_, "a");
    }
    asyncdrop::set_forgotten_action(ForgottenReason::forgotten, former);
    ASSERT_EQ(lines().size(), 1u);
    EXPECT_THAT(lines().front(),
                testing::StartsWith("Forgot to call async_drop on asyncdrop_test::Resource"));
    EXPECT_THAT(lines().front(), HasSubstr("reports_test.cpp:"));
}

TEST_F(DefaultHandler, SaysNothingIfToldToIgnore) {
    const auto former = asyncdrop::set_forgotten_action(ForgottenReason::forgotten, ForgottenAction::ignore);
    {
        auto guard = make_guard<Resource>(log_, "a");
    }
    asyncdrop::set_forgotten_action(ForgottenReason::forgotten, former);
    EXPECT_TRUE(lines().empty());
}

TEST_F(StrictnessDeathTest, EveryReasonCanBeMadeFatal) {
    const auto leave = [this] {
        asyncdrop::set_forgotten_actions(asyncdrop::ForgottenAction::abort);
        Gate never;
        auto guard = make_guard<Resource>(log_, "a");
        guard->wait_on_drop(never);
        asio::io_context context;
        asio::co_spawn(context, guard.async_drop(), asio::detached);
        Cancellable::run_until(context, [&never] { return never.waiting(); });
        throw Failure("leaves after the context is gone");
    };
    const auto run = [&leave] {
        try {
            leave();
        } catch (const Failure&) {
        }
    };
    EXPECT_DEATH(run(), "Forgot to call async_drop on .*: its cleanup had begun and was abandoned");
}

TEST_F(Strictness, EveryReasonCanBeIgnored) {
    asyncdrop::set_forgotten_actions(asyncdrop::ForgottenAction::ignore);
    {
        auto guard = make_guard<Resource>(log_, "a");
    }
    asyncdrop::set_forgotten_actions(asyncdrop::ForgottenAction::print);
    asyncdrop::set_forgotten_action(ForgottenReason::forgotten, asyncdrop::ForgottenAction::abort);
    asyncdrop::set_forgotten_action(ForgottenReason::unwinding, asyncdrop::ForgottenAction::abort);
    EXPECT_THAT(log_.events(), ElementsAre("destroy a"));
}

/// What the report sink gets, kept.
class Reports : public Strictness {
  protected:
    struct Kept {
        asyncdrop::ReportKind kind;
        std::string text, type, name, file;
        std::optional<ForgottenReason> reason;
        bool fatal;
    };

    Reports() : former_(asyncdrop::set_report_sink(&keep)) { kept().clear(); }
    ~Reports() override { asyncdrop::set_report_sink(former_); }
    static std::vector<Kept>& kept() {
        static std::vector<Kept> all;
        return all;
    }

  private:
    static void keep(const asyncdrop::Report& report) noexcept {
        kept().push_back(Kept{report.kind, std::string(report.text), std::string(report.type),
                              std::string(report.name), report.site.file(), report.reason, report.fatal});
    }
    asyncdrop::ReportSink former_;
};

TEST_F(Reports, SayWhoWasForgottenWhereAndWhy) {
    const auto former = asyncdrop::set_forgotten_action(ForgottenReason::forgotten, ForgottenAction::print);
    const auto sink = asyncdrop::set_message_sink([](std::string_view) noexcept { FAIL(); });
    {
        auto guard = make_guard<Resource>(log_, "a");
    }
    asyncdrop::set_message_sink(sink);
    asyncdrop::set_forgotten_action(ForgottenReason::forgotten, former);
    ASSERT_EQ(kept().size(), 1u);
    const Kept& report = kept().front();
    EXPECT_EQ(report.kind, asyncdrop::ReportKind::forgotten);
    EXPECT_EQ(report.type, "asyncdrop_test::Resource");
    EXPECT_THAT(report.file, HasSubstr("reports_test.cpp"));
    EXPECT_EQ(report.reason, ForgottenReason::forgotten);
    EXPECT_FALSE(report.fatal);
    EXPECT_THAT(report.text, testing::StartsWith("Forgot to call async_drop on asyncdrop_test::Resource"));
}

TEST_F(Reports, SayThatAForgottenDropIsFatal) {
    const auto abort_if_told = [] {
        asyncdrop::set_forgotten_action(ForgottenReason::forgotten, ForgottenAction::abort);
        asyncdrop::set_report_sink([](const asyncdrop::Report& report) noexcept {
            if (report.fatal) std::fputs("it is fatal", stderr);
        });
        Journal log;
        const auto guard = make_guard<Resource>(log, "a");
    };
    EXPECT_DEATH(abort_if_told(), "it is fatal");
}

TEST_F(Reports, TellMisuseWithTypeAndPlace) {
    const auto misuse = [] {
        asyncdrop::set_report_sink([](const asyncdrop::Report& report) noexcept {
            if (report.kind == asyncdrop::ReportKind::misuse && report.fatal && report.site.line() > 0) {
                std::fprintf(stderr, "misuse of %.*s", static_cast<int>(report.type.size()),
                             report.type.data());
            }
        });
        Journal log;
        auto guard = make_guard<Resource>(log, "a");
        auto other = make_guard<Resource>(log, "b");
        guard = std::move(other);
    };
    EXPECT_DEATH(misuse(), "misuse of asyncdrop_test::Resource");
}

}  // namespace
}  // namespace asyncdrop_test
