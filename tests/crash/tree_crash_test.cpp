// Power fails at every store operation of a workload. What was not synced is lost, kept, torn or reordered;
// then the vault is recovered, and must be in exactly one of the states it was in, not older than the newest
// one that a caller was told to be durable.
//
// Replay a failure with DEMOFS_TEST_SEED=<number>.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "demofs/base/error.hpp"
#include "demofs/tree/session_graph.hpp"
#include "tests/crash/crash_policies.hpp"
#include "tests/crash/effort.hpp"
#include "tests/unit/tree/contents.hpp"
#include "tests/unit/tree/vault.hpp"

namespace demofs::tree::test {
namespace {

using crash_test::policies;
using crash_test::Policy;

// All states a vault went through, in order, and how far a caller was told that they are durable.
struct History {
    std::vector<Contents> states{Contents{}};
    std::size_t durable = 0;  // index into states
    bool has_commit = false;  // the first commit's sync has returned
};

// The disk at one moment.
struct CrashPoint {
    store::MemoryDisk disk;
    std::size_t applied = 0;  // states that existed
    std::size_t durable = 0;  // of them, promised
    bool has_commit = false;
    std::optional<ReplicaVersion> known =
        std::nullopt;  // the newest that was durable, which may be remembered
};

class Workload {
  public:
    Workload(std::uint64_t seed, History& history) : random_(seed), history_(history) {}

    // A session of changes; some callers wait for theirs to be durable, others do not.
    asio::awaitable<void> run(Tree& tree, int steps) {
        if (!tree.numbers_left()) {
            co_await tree.commit();
            history_.has_commit = true;
            promise(history_.states.size() - 1);
        }
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        for (int step = 0; step < steps; ++step) {
            const Changes changes = next_changes();
            const Epoch epoch = co_await apply(tree, changes);
            history_.states.push_back(after_);
            const std::size_t state = history_.states.size() - 1;
            switch (random_() % 6) {
                case 0:
                    co_await tree.make_durable(epoch);
                    promise(state);
                    break;
                case 1:
                    asio::co_spawn(executor, wait(tree, epoch, state), asio::detached);
                    break;
                case 2:
                    co_await asio::post(executor, asio::use_awaitable);
                    break;
                default:
                    break;
            }
        }
        while (waiting_ > 0) co_await asio::post(executor, asio::use_awaitable);
    }

    // Every change is waited for by itself.
    asio::awaitable<void> run_alone(Tree& tree, int steps) {
        co_await tree.commit();
        for (int step = 0; step < steps; ++step) {
            const Changes changes = next_changes();
            const Epoch epoch = co_await apply(tree, changes);
            history_.states.push_back(after_);
            if (step % 2 == 0) continue;
            co_await tree.make_durable(epoch);
            promise(history_.states.size() - 1);
        }
    }

    void promise(std::size_t state) { history_.durable = std::max(history_.durable, state); }

  private:
    asio::awaitable<void> wait(Tree& tree, Epoch epoch, std::size_t state) {
        ++waiting_;
        co_await tree.make_durable(epoch);
        promise(state);
        --waiting_;
    }

    Changes next_changes() {
        Changes changes;
        after_ = history_.states.back();
        for (std::uint64_t i = random_() % 6 + 1; i > 0; --i) {
            const Key key = number_key(random_() % 60);
            if (std::ranges::any_of(changes.entries, [&](const auto& entry) { return entry.key == key; }))
                continue;
            if (after_.contains(key) && random_() % 3 == 0) {
                changes.erase(key);
                after_.erase(key);
            } else {
                Bytes value(random_() % 80, std::byte(random_()));
                after_[key] = value;
                changes.put(key, std::move(value));
            }
        }
        // No state is equal to an earlier one, so that a recovered vault tells which it is in.
        const Key marker{1'000'000, Kind::orphan, 0};
        changes.put(marker, bytes_of(std::to_string(history_.states.size())));
        after_[marker] = *changes.entries.back().value;
        return changes;
    }

    std::mt19937_64 random_;
    History& history_;
    Contents after_;
    int waiting_ = 0;
};

class CrashTest : public testing::TestWithParam<bool> {
  protected:
    CrashTest() {
        vault_.options.sync_ends_object = GetParam();
        vault_.options.always_suspend = true;
        vault_.tree_settings.node_bytes = 256;
        vault_.tree_settings.number_reserve = 16;
        vault_.block_settings.segment_bytes = 64 * 1024;
    }

    // Runs a session on vault_'s disk and returns the disk after each store operation, the session's end
    // included.
    std::vector<CrashPoint> record(History& history, std::uint64_t seed, int steps) {
        std::vector<CrashPoint> points;
        vault_.recovery_settings.known.reset();
        tree_ = nullptr;
        vault_.disk->on_operation([&](const store::StoreOperation&) {
            std::optional<ReplicaVersion> known = last_durable();
            points.push_back({vault_.disk->snapshot(), history.states.size() - 1, history.durable,
                              history.has_commit, std::move(known)});
        });
        Workload workload(seed, history);
        vault_.session([&](Tree& tree) -> asio::awaitable<void> {
            tree_ = &tree;
            co_await workload.run(tree, steps);
            tree_ = nullptr;
        });
        vault_.disk->on_operation({});
        workload.promise(history.states.size() - 1);  // unmounting commits
        points.push_back({vault_.disk->snapshot(), history.states.size() - 1, history.durable, true});
        return points;
    }

    std::optional<ReplicaVersion> last_durable() const {
        if (tree_ == nullptr || tree_->last_commit() == nullptr) return std::nullopt;
        return version_of(*tree_->last_commit());
    }

    // Crashes, recovers, compares; returns the index of the state that the vault is in, -1 if it has none
    // yet.
    int check(const CrashPoint& point, const History& history, const Policy& policy) {
        ++checked_;
        vault_.disk = std::make_shared<store::MemoryDisk>(policy.crash(point.disk));
        vault_.recovery_settings.known = point.known;  // a crash is never a rollback
        Contents found;
        try {
            vault_.session([&](Tree& tree) -> asio::awaitable<void> {
                found = co_await contents_of(tree);
                if (found.empty()) co_return;
                const Counters& counters = tree.counters();
                std::uint64_t inodes = 0;
                for (const auto& [key, value] : found) inodes += key.kind == Kind::inode ? 1 : 0;
                EXPECT_EQ(counters.inodes, inodes);
            });
        } catch (const Error& error) {
            const bool unborn = !point.has_commit && error.code() == make_error_code(Errc::vault_damaged);
            EXPECT_TRUE(unborn) << error.what();
            return -1;
        }
        EXPECT_LE(vault_.recovered.verdict, Verdict::crash_tail) << vault_.recovered.why;
        EXPECT_FALSE(vault_.recovered.damaged_blocks);
        for (std::size_t state = point.durable; state <= point.applied; ++state) {
            if (history.states[state] == found) return static_cast<int>(state);
        }
        ADD_FAILURE() << "the vault is in none of the states " << point.durable << " to " << point.applied;
        return -1;
    }

    Vault vault_;
    Tree* tree_ = nullptr;  // while a workload runs
    std::size_t checked_ = 0;
};

TEST_P(CrashTest, EveryCrashPointShowsAStateThatIsNotOlderThanWhatWasPromised) {
    const std::uint64_t seed = crash_test::seed();
    SCOPED_TRACE("DEMOFS_TEST_SEED=" + std::to_string(seed));
    History history;
    std::vector<CrashPoint> points = record(history, seed, 60);
    std::vector<CrashPoint> second = record(history, seed + 1, 60);  // another session on top
    points.insert(points.end(), second.begin(), second.end());
    for (std::size_t i = 0; i < points.size(); ++i) {
        for (const Policy& policy : policies(seed + i)) {
            SCOPED_TRACE("operation " + std::to_string(i) + " of " + std::to_string(points.size()) + ", " +
                         policy.name);
            check(points[i], history, policy);
            if (HasFailure()) return;
        }
    }
    EXPECT_GT(checked_, 500u);
    std::cout << checked_ << " crashes at " << points.size() << " operations\n";
}

TEST_P(CrashTest, AVaultGoesOnAfterACrashAndSurvivesTheNextOnes) {
    const std::uint64_t seed = crash_test::seed();
    SCOPED_TRACE("DEMOFS_TEST_SEED=" + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int life = 0; life < 12; ++life) {
        vault_.disk = std::make_shared<store::MemoryDisk>();
        History history;
        for (int crash = 0; crash < 8; ++crash) {
            SCOPED_TRACE("life " + std::to_string(life) + ", crash " + std::to_string(crash));
            const std::vector<CrashPoint> points = record(history, random(), 25);
            // Somewhere in this session; the later lives of the vault build on what was left.
            const CrashPoint& point = points[random() % points.size()];
            const std::vector<Policy> choices = policies(random());
            const Policy& policy = choices[random() % choices.size()];
            SCOPED_TRACE(policy.name);
            const int state = check(point, history, policy);
            if (HasFailure()) return;
            if (state < 0) break;
            history.states.resize(static_cast<std::size_t>(state) + 1);
            history.durable = static_cast<std::size_t>(state);
        }
    }
}

// A store operation fails, once or for good: the caller learns it, everything is taken down, and the vault is
// in a state that is not older than what was promised.
TEST_P(CrashTest, EveryFailedStoreOperationIsToldAndLosesNothingThatWasPromised) {
    const std::uint64_t seed = crash_test::seed();
    SCOPED_TRACE("DEMOFS_TEST_SEED=" + std::to_string(seed));
    for (const bool persistent : {false, true}) {
        for (std::uint64_t n = 1;; ++n) {
            SCOPED_TRACE("operation " + std::to_string(n));
            vault_.disk = std::make_shared<store::MemoryDisk>();
            vault_.faults = nullptr;
            History history;
            record(history, seed, 10);
            vault_.faults = std::make_shared<store::FaultPlan>();
            store::Fault fault;
            fault.nth = n;
            fault.error = n % 2 == 0 ? std::errc::io_error : std::errc::no_space_on_device;
            fault.persistent = persistent;
            vault_.faults->add(fault);
            bool failed = false;
            try {
                Workload workload(seed + 1, history);
                vault_.session(
                    [&](Tree& tree) -> asio::awaitable<void> { co_await workload.run_alone(tree, 15); });
                workload.promise(history.states.size() - 1);
            } catch (const std::exception&) {
                failed = true;
            }
            const bool reached = vault_.faults->operations() >= n;
            // A read of several nodes may be made good by one of the node that is wanted.
            const bool read_once = !persistent && vault_.faults->read_strikes() == 1;
            EXPECT_TRUE(failed == reached || (reached && read_once));
            vault_.faults = nullptr;
            const CrashPoint now{vault_.disk->snapshot(), history.states.size() - 1, history.durable, true};
            check(now, history, Policy("lost", store::lose_unsynced()));
            if (HasFailure()) return;
            if (!reached) break;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Stores, CrashTest, testing::Bool(), [](const testing::TestParamInfo<bool>& tested) {
    return std::string(tested.param ? "SyncEndsTheObject" : "ObjectsGoOnAfterASync");
});

}  // namespace
}  // namespace demofs::tree::test
