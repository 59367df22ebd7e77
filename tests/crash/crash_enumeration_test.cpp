// Power is lost after every store operation of a long life: thousands of filesystem operations of all kinds, many
// fsyncs, several mounts. What is found must be one of the states that the filesystem was in, whole, not older than
// the newest that somebody was told to be durable; check finds nothing; and it goes on from there, also when power
// is lost again.
//
// DEMOFS_TEST_SEED repeats a run. DEMOFS_TEST_ROUNDS (1): ways to lose power that are tried at each point, of 11. With 1, a
// store whose syncs end objects, which has the more points and takes the longer to open, loses power at each fourth of them.
#include <gtest/gtest.h>

#include <iostream>
#include <optional>

#include "demofs/tree/session_graph.hpp"
#include "tests/crash/crash_policies.hpp"
#include "tests/crash/effort.hpp"
#include "tests/crash/random_operations.hpp"
#include "tests/unit/fs/vault_report.hpp"

namespace demofs::crash_test {
namespace {

using fs::test::Mount;
using fs::test::Vault;
using testing::IsEmpty;

constexpr int sessions = 8;
constexpr int operations_per_session = 260;

struct CrashPoint {
    store::MemoryDisk disk;
    std::size_t newest = 0;   // state that existed
    std::size_t durable = 0;  // state that was promised
    std::optional<tree::ReplicaVersion> known;
};

class CrashEnumeration : public testing::TestWithParam<bool> {
  protected:
    void configure(Vault& vault) {
        vault.store_options.sync_ends_object = GetParam();
        vault.block_settings.segment_bytes = 512 * 1024;
        vault.block_settings.batch_bytes = 32 * 1024;
        vault.block_settings.write_start_bytes = 8 * 1024;
        vault.tree_settings.node_bytes = 1024;
        vault.tree_settings.number_reserve = 64;
        vault.tree_settings.check_before_commit = false;  // the model test does that
        vault.fs_settings.data_block_bytes = 4096;
        vault.fs_settings.inline_bytes = 256;
    }

    // Mounts, runs `work(mount)`, unmounts; each store operation of that is a point.
    template <class Work>
    std::vector<CrashPoint> record(Vault& vault, History& history, const Work& work) {
        std::vector<CrashPoint> points;
        Mount* mounted = nullptr;
        vault.disk->on_operation([&](const store::StoreOperation&) {
            CrashPoint point{vault.disk->snapshot(), history.newest(), history.durable, std::nullopt};
            if (mounted != nullptr) point.known = tree::version_of(*mounted->tree().last_commit());
            points.push_back(std::move(point));
        });
        {
            Mount mount(vault);
            mounted = &mount;
            work(mount);
            mounted = nullptr;
            EXPECT_EQ(mount.unmount(), nullptr);
        }
        vault.disk->on_operation(nullptr);
        history.durable = history.newest();
        points.push_back({vault.disk->snapshot(), history.newest(), history.durable, std::nullopt});
        return points;
    }

    // What is left after power was lost at `point` is mounted; returns the index of the state it is in.
    std::optional<std::size_t> verify(const CrashPoint& point, const History& history, const Policy& policy,
                                      Vault& after) {
        ++crashes_;
        configure(after);
        after.disk = std::make_shared<store::MemoryDisk>(policy.crash(point.disk));
        after.recovery.known = point.known;
        const fs::test::VaultReport report = fs::test::report_on(after, true);
        EXPECT_LE(report.recovered.verdict, tree::Verdict::crash_tail) << report.recovered.why;
        EXPECT_FALSE(report.recovered.damaged_blocks);
        EXPECT_THAT(report.check.findings, IsEmpty());
        if (testing::Test::HasFailure()) return std::nullopt;
        Mount mount(after);
        const Walk found = walk(mount);
        EXPECT_EQ(mount.unmount(), nullptr);
        const std::size_t last = std::min(point.newest + 1, history.newest());
        for (std::size_t state = point.durable; state <= last; ++state) {
            if (history.states[state] == found) return state;
        }
        ADD_FAILURE() << "the vault is in none of the states " << point.durable << " to " << last
                      << "; from the first of them it differs by\n"
                      << difference(history.states[point.durable], found);
        return std::nullopt;
    }

    // Life after a crash: another mount, another file, and power is lost again at each of its operations.
    void crash_again(Vault& vault, const Walk& state, std::uint64_t seed) {
        History history;
        history.states.push_back(state);
        const auto work = [&](Mount& mount) {
            const InodeNumber file = mount.file(fs::root_inode, "after the crash");
            history.states.push_back(walk(mount));
            mount.write(file, 0, std::string(9000, 'x')).value();
            history.states.push_back(walk(mount));
            mount.sync(file).value();
            history.durable = history.newest();
        };
        const std::vector<CrashPoint> points = record(vault, history, work);
        const std::vector<Policy> all = policies(seed);
        for (std::size_t i = 0; i < points.size(); ++i) {
            SCOPED_TRACE("again at operation " + std::to_string(i));
            Vault after;
            static_cast<void>(verify(points[i], history, all[(seed + i) % all.size()], after));
            if (HasFailure()) return;
        }
    }

    std::size_t crashes_ = 0;
};

TEST_P(CrashEnumeration, EveryPointOfALongLifeShowsAStateThatWas) {
    const std::uint64_t first_seed = seed();
    SCOPED_TRACE("DEMOFS_TEST_SEED=" + std::to_string(first_seed));
    Vault vault;
    configure(vault);
    History history;
    {
        Mount formatted(vault);
        history.states.push_back(walk(formatted));
    }
    RandomOperations operations(first_seed);
    std::vector<CrashPoint> points;
    for (int session = 0; session < sessions; ++session) {
        vault.start_background = session % 2 == 1;
        const auto work = [&](Mount& mount) {
            for (int i = 0; i < operations_per_session; ++i) operations.step(mount, history);
            operations.unmounted();
        };
        std::vector<CrashPoint> more = record(vault, history, work);
        std::move(more.begin(), more.end(), std::back_inserter(points));
    }
    ASSERT_GT(history.newest(), 2000u);
    ASSERT_GT(points.size(), 300u);
    const std::uint64_t ways = std::min<std::uint64_t>(rounds(), policies(0).size());
    constexpr std::size_t points_between_lives = 50;
    const std::size_t stride = GetParam() && rounds() == 1 ? 4 : 1;
    for (std::size_t i = first_seed % stride; i < points.size(); i += stride) {
        const std::vector<Policy> all = policies(first_seed + i);
        for (std::uint64_t way = 0; way < ways; ++way) {
            const Policy& policy = all[(i * ways + way) % all.size()];
            SCOPED_TRACE("operation " + std::to_string(i) + " of " + std::to_string(points.size()) + ", " +
                         policy.name);
            Vault after;
            const std::optional<std::size_t> state = verify(points[i], history, policy, after);
            if (state && way == 0 && i / stride % points_between_lives == 0)
                crash_again(after, history.states[*state], first_seed + i);
            if (HasFailure()) return;
        }
    }
    std::cout << history.newest() << " filesystem operations, " << points.size() << " store operations, "
              << crashes_ << " crashes\n";
}

INSTANTIATE_TEST_SUITE_P(Stores, CrashEnumeration, testing::Bool(), [](const auto& parameters) {
    return parameters.param ? std::string("SyncEndsObject") : std::string("Appendable");
});

}  // namespace
}  // namespace demofs::crash_test
