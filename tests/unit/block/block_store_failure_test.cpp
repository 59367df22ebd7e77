// A store that fails: errors reach the callers and stay, nothing acknowledged is lost, everything is torn
// down.
#include <gmock/gmock.h>

#include <string>

#include "demofs/base/error.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using namespace test;

struct Appended {
    BlockAddress address;
    SharedBytes payload;
};

// What a session that meets a fault has experienced.
struct Experience {
    std::vector<Appended> appended;
    std::size_t acknowledged = 0;  // so many of them were covered by a sync that returned
    std::exception_ptr first_error;
    std::exception_ptr session_error;
};

asio::awaitable<void> workload(Vault::Session& s, Experience& seen) {
    for (std::uint64_t round = 0; round < 3; ++round) {
        for (std::uint64_t i = 0; i < 6; ++i) {
            const SharedBytes payload = payload_of(i == 3 ? 30'000 : 500, 10 * round + i);
            seen.appended.push_back({s.append(payload), payload});
        }
        (void)co_await s.blocks.digest();
        const SharedBytes record = payload_of(200, 1000 + round);
        seen.appended.push_back({s.append(record, BlockKind::data, Placement::aligned), record});
        co_await s.blocks.throttle();
        co_await s.blocks.sync();
        seen.acknowledged = seen.appended.size();
    }
}

asio::awaitable<void> expect_failed_for_good(Vault::Session& s, const Experience& seen) {
    EXPECT_FALSE(s.blocks.failure().empty());
    for (int i = 0; i < 2; ++i) {
        auto syncing = s.blocks.sync();
        const std::exception_ptr error = co_await error_of(std::move(syncing));
        EXPECT_TRUE(has_code(error, make_error_code(Errc::writes_failed))) << demofs::describe(error);
        auto digesting = s.blocks.digest();
        const std::exception_ptr digest_error = co_await error_of(std::move(digesting));
        EXPECT_TRUE(has_code(digest_error, make_error_code(Errc::writes_failed)));
        EXPECT_THROW(s.append(payload_of(1, 1)), Error);
        co_await s.blocks.throttle();
    }
    for (const Appended& one : seen.appended) {
        const SharedBytes read = co_await s.blocks.read(one.address, BlockKind::data);
        EXPECT_TRUE(same_bytes(read, one.payload));
    }
}

class FailingStore : public testing::TestWithParam<std::tuple<bool, bool, bool>> {};

TEST_P(FailingStore, AtEveryOperationGivesStickyErrorsAndLosesNothingAcknowledged) {
    const auto [persistent, applied, sync_ends_object] = GetParam();
    std::uint64_t nth = 1;
    for (bool met = true; met; ++nth) {
        SCOPED_TRACE("operation " + std::to_string(nth));
        Vault vault;
        vault.settings.segment_bytes = 64 * 1024;
        vault.settings.cache_bytes = 0;
        vault.options.sync_ends_object = sync_ends_object;
        vault.faults = std::make_shared<store::FaultPlan>();
        store::Fault fault;
        fault.nth = nth;
        fault.persistent = persistent;
        fault.applied = applied;
        vault.faults->add(fault);

        Experience seen;
        try {
            vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
                auto working = workload(s, seen);
                seen.first_error = co_await error_of(std::move(working));
                if (!seen.first_error) co_return;
                vault.faults->clear();
                co_await expect_failed_for_good(s, seen);
            });
        } catch (...) {
            seen.session_error = std::current_exception();
        }
        met = vault.faults->operations() >= nth;
        // The last operations are those that close things: a failing one of these is told as well.
        EXPECT_EQ(met, seen.session_error != nullptr || seen.first_error != nullptr);
        if (seen.first_error) {
            EXPECT_TRUE(has_code(seen.session_error, make_error_code(Errc::writes_failed)))
                << demofs::describe(seen.session_error);
        }

        vault.faults = nullptr;
        vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
            for (std::size_t i = 0; i < seen.acknowledged; ++i) {
                const SharedBytes read = co_await s.blocks.read(seen.appended[i].address, BlockKind::data);
                EXPECT_TRUE(same_bytes(read, seen.appended[i].payload));
            }
        });
    }
    EXPECT_GT(nth, 10u);
}

INSTANTIATE_TEST_SUITE_P(Faults, FailingStore,
                         testing::Combine(testing::Bool(), testing::Bool(), testing::Bool()),
                         [](const auto& suite) {
                             std::string name = std::get<0>(suite.param) ? "Persistent" : "Once";
                             name += std::get<1>(suite.param) ? "Applied" : "Refused";
                             name += std::get<2>(suite.param) ? "SyncEndsObject" : "Appendable";
                             return name;
                         });

TEST(BlockStoreFailure, AFullStoreIsNamedInTheError) {
    Vault vault;
    vault.options.capacity_bytes = 100'000;
    EXPECT_THROW(vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        s.append(payload_of(200'000, 1));
        auto syncing = s.blocks.sync();
        const std::exception_ptr error = co_await error_of(std::move(syncing));
        EXPECT_THAT(demofs::describe(error), testing::HasSubstr("No space left on device"));
        EXPECT_EQ(s.blocks.failure(), demofs::describe(error));
    }),
                 Error);
}

TEST(BlockStoreFailure, WakesEveryoneWhoWaitsForASyncOrForRoom) {
    Vault vault;
    vault.settings.unsynced_limit_bytes = 10'000;
    vault.faults = std::make_shared<store::FaultPlan>();
    vault.faults->hold(store::OperationKind::sync);
    store::Fault fault;
    fault.kind = store::OperationKind::sync;
    vault.faults->add(fault);
    int ended = 0;
    const auto wait = [&ended](asio::awaitable<void> operation) -> asio::awaitable<void> {
        auto waiting = error_of(std::move(operation));
        (void)co_await std::move(waiting);
        ++ended;
    };
    EXPECT_THROW(vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        s.append(payload_of(20'000, 1));
        asio::co_spawn(vault.context, wait(s.blocks.sync()), asio::detached);
        asio::co_spawn(vault.context, wait(s.blocks.throttle()), asio::detached);
        while (vault.faults->held() == 0) co_await asio::post(vault.context, asio::use_awaitable);
        EXPECT_EQ(ended, 0);
        vault.faults->release();
        while (ended < 2) co_await asio::post(vault.context, asio::use_awaitable);
    }),
                 Error);
}

TEST(BlockStoreFailure, OfOneReadLeavesTheStoreWell) {
    Vault vault;
    BlockAddress address;
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        address = s.append(payload_of(1000, 1));
        co_await s.blocks.sync();
    });
    vault.faults = std::make_shared<store::FaultPlan>();
    store::Fault fault;
    fault.kind = store::OperationKind::read;
    vault.faults->add(fault);
    vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
        auto reading = s.blocks.read(address, BlockKind::data);
        const std::exception_ptr error = co_await error_of(std::move(reading));
        EXPECT_EQ(errno_of(error), std::errc::io_error);
        const SharedBytes read = co_await s.blocks.read(address, BlockKind::data);
        EXPECT_TRUE(same_bytes(read, payload_of(1000, 1)));
        s.append(payload_of(1, 2));
        co_await s.blocks.sync();
        EXPECT_EQ(s.blocks.failure(), "");
    });
}

}  // namespace
}  // namespace demofs::block
