#include "demofs/tree/tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <string>
#include <vector>

#include "demofs/base/error.hpp"
#include "demofs/tree/btree.hpp"
#include "tree_fixture.hpp"

namespace demofs::tree::test {
namespace {

TEST_F(TreeTest, AnEmptyVaultGetsNumbersWithItsFirstCommit) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        EXPECT_FALSE(tree.numbers_left());
        EXPECT_EQ(tree.last_commit(), nullptr);
        co_await tree.commit();
        EXPECT_TRUE(tree.numbers_left());
        EXPECT_EQ(tree.allocate_number(), 2u);
        EXPECT_EQ(tree.allocate_number(), 3u);
        EXPECT_EQ(blocks.syncs, 1u);
        co_await tree.commit();
        EXPECT_EQ(blocks.syncs, 1u) << "nothing was to be committed";
    });
}

TEST_F(TreeTest, ChangesAreThereAfterReopening) {
    settings.node_bytes = 512;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 1000; ++i) co_await put(tree, i, "value " + std::to_string(i));
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        EXPECT_EQ(tree.counters().inodes, 1000u);
        const Contents contents = co_await contents_of(tree);
        EXPECT_EQ(contents.size(), 1000u);
        const std::string value = co_await get(tree, 777);
        EXPECT_EQ(value, "value 777");
        EXPECT_FALSE(tree.dirty());
    });
    EXPECT_EQ(blocks.syncs, 1u) << "a session that changed nothing has nothing to commit";
}

TEST_F(TreeTest, NumbersAreNeverGivenOutTwice) {
    std::uint64_t highest = 0;
    settings.number_reserve = 10;
    for (int round = 0; round < 5; ++round) {
        session([&](Tree& tree) -> asio::awaitable<void> {
            for (int i = 0; i < 25; ++i) {
                if (!tree.numbers_left()) co_await tree.commit();
                const std::uint64_t number = tree.allocate_number();
                EXPECT_GT(number, highest);
                highest = number;
            }
        });
    }
    EXPECT_LT(highest, 5 * 25 + 5 * 10 + 10u);
}

TEST_F(TreeTest, CountersFollowTheChanges) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        Changes changes = put_of({5, Kind::inode, 0}, Bytes(10));
        changes.put({9, Kind::inline_data, 0}, Bytes(100));
        changes.put({10, Kind::extent, 0}, Bytes(10));
        changes.use({3, 4}, 5000);
        tree.apply(changes);
        EXPECT_EQ(tree.counters().inodes, 1u);
        EXPECT_EQ(tree.counters().data_bytes, 5100u);
        Changes removal = erase_of({5, Kind::inode, 0});
        removal.use({3, 4}, -2000);
        tree.apply(removal);
        co_await tree.commit();
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        EXPECT_EQ(tree.counters().inodes, 0u);
        EXPECT_EQ(tree.counters().data_bytes, 3100u);
        co_return;
    });
}

// --- commits -------------------------------------------------------------------------------------

TEST_F(TreeTest, ConcurrentCallersShareCommits) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        std::vector<Task> tasks(50);
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            const Epoch epoch = co_await put(tree, i, "x");
            start(tree.make_durable(epoch), tasks[i]);
        }
        co_await settle();
        for (const Task& task : tasks) EXPECT_TRUE(task.done && !task.error);
        EXPECT_LE(blocks.syncs, 2u);
    });
}

TEST_F(TreeTest, WhoComesAfterTheFreezeWaitsForTheNextCommit) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        blocks.hold_sync = true;
        std::vector<Task> early(10);
        for (std::size_t i = 0; i < early.size(); ++i) {
            const Epoch epoch = co_await put(tree, i, "early");
            start(tree.make_durable(epoch), early[i]);
        }
        co_await settle();
        EXPECT_EQ(blocks.syncs, 1u);
        Task of_frozen;
        start(tree.make_durable(Epoch{1}), of_frozen);  // already in the commit in flight
        std::vector<Task> late(10);
        for (std::size_t i = 0; i < late.size(); ++i) {
            const Epoch epoch = co_await put(tree, 100 + i, "late");
            EXPECT_EQ(epoch, Epoch{2});
            start(tree.make_durable(epoch), late[i]);
        }
        co_await settle();
        EXPECT_EQ(blocks.records.size(), 1u) << "a record is appended only after the sync of the one before";
        EXPECT_FALSE(early[0].done);
        blocks.release_sync();
        co_await settle();
        EXPECT_TRUE(of_frozen.done && early[9].done && late[0].done && late[9].done);
        EXPECT_EQ(blocks.syncs, 2u);
    });
}

TEST_F(TreeTest, ACommitHoldsWhatWasFrozenWhileChangesGoOn) {
    settings.node_bytes = 256;
    Contents frozen;
    EXPECT_THROW(session([&](Tree& tree) -> asio::awaitable<void> {
                     for (std::uint64_t i = 0; i < 300; ++i) co_await put(tree, i, "first");
                     frozen = co_await contents_of(tree);
                     blocks.hold_sync = true;
                     Task commit;
                     start(tree.commit(), commit);
                     while (tree.epoch() == Epoch{1}) co_await settle();
                     for (std::uint64_t i = 0; i < 300; i += 3) co_await put(tree, i, "second");
                     for (std::uint64_t i = 1; i < 300; i += 3) tree.apply(erase_of(number_key(i)));
                     co_await settle();
                     blocks.appends_until_failure = 0;  // what came after the freeze is lost
                     blocks.release_sync();
                     co_await settle();
                     EXPECT_TRUE(commit.done && !commit.error);
                     EXPECT_TRUE(tree.dirty());
                 }),
                 Error);
    session([&](Tree& tree) -> asio::awaitable<void> {
        const Contents stored = co_await contents_of(tree);
        EXPECT_EQ(stored, frozen);
    });
}

TEST_F(TreeTest, AWaiterThatIsCancelledLeavesTheCommitRunning) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "x");
        blocks.hold_sync = true;
        asio::cancellation_signal cancel;
        bool ended = false;
        asio::co_spawn(
            context, tree.commit(),
            asio::bind_cancellation_slot(cancel.slot(), [&ended](std::exception_ptr) { ended = true; }));
        co_await settle();
        cancel.emit(asio::cancellation_type::terminal);
        co_await settle();
        blocks.release_sync();
        co_await settle();
        EXPECT_TRUE(ended);
        EXPECT_FALSE(tree.dirty());
        EXPECT_FALSE(tree.read_only());
    });
}

TEST_F(TreeTest, ASmallChangeCostsOnePathAndARecord) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 50'000; ++i) co_await put(tree, i, std::string(60, 'x'));
        co_await tree.commit();
        co_await put(tree, 1, "settles the usage");
        co_await tree.commit();

        const std::uint64_t appends = blocks.appends;
        const std::uint64_t bytes = blocks.appended_bytes;
        co_await put(tree, 25'000, "changed");
        co_await tree.commit();
        // Three levels; the entries of segment usage are in the first leaf: a second path below the root.
        EXPECT_LE(blocks.appends - appends, 6u);
        EXPECT_LE(blocks.appended_bytes - bytes, 5 * 8300u + 4096u);
    });
}

TEST_F(TreeTest, NodesAreBornInTheAttemptThatStoresThem) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (int round = 1; round <= 3; ++round) {
            co_await put(tree, static_cast<std::uint64_t>(round), "x");
            co_await tree.commit();
            EXPECT_EQ(tree.generation(), Generation(static_cast<std::uint64_t>(round)));
            EXPECT_EQ(tree.last_commit()->generation, tree.generation());
        }
    });
    std::uint64_t last = 0;
    for (const block::BlockAddress& where : blocks.records) {
        const CommitRecord record = decode_commit_record(blocks.blocks.at(where).payload);
        EXPECT_EQ(blocks.blocks.at(where).header.birth_generation, raw(record.generation));
        EXPECT_EQ(blocks.blocks.at(record.root).header.birth_generation, raw(record.generation));
        EXPECT_EQ(raw(record.parent_generation), last);
        EXPECT_EQ(where.offset % 4096, 0u);
        last = raw(record.generation);
    }
}

TEST_F(TreeTest, GenerationsGoOnAboveEveryRecordEverSeen) {
    session([&](Tree& tree) -> asio::awaitable<void> { co_await tree.commit(); });
    settings.seen_generation = Generation{41};
    session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "x");
        co_await tree.commit();
        EXPECT_EQ(tree.generation(), Generation{42});
        EXPECT_EQ(tree.last_commit()->parent_generation, Generation{1});
        EXPECT_EQ(tree.last_commit()->versions.size(), 1u);
    });
}

TEST_F(TreeTest, ALargeCommitLetsOthersRun) {
    settings.node_bytes = 512;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 60'000; ++i) co_await put(tree, i, std::string(60, 'x'));
        Task commit;
        start(tree.commit(), commit);
        const std::uint64_t before = blocks.appends;
        std::vector<std::uint64_t> seen;
        while (!commit.done) {
            const asio::any_io_executor executor = co_await asio::this_coro::executor;
            co_await asio::post(executor, asio::use_awaitable);
            if (seen.empty() || seen.back() != blocks.appends - before)
                seen.push_back(blocks.appends - before);
        }
        EXPECT_GT(seen.size(), 3u) << "the commit ran in one piece";
    });
}

// --- failures ------------------------------------------------------------------------------------

TEST_F(TreeTest, AFailedSyncMakesTheTreeReadOnlyForGood) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "safe");
        co_await tree.commit();
    });
    bool checked = false;
    EXPECT_THROW(session([&](Tree& tree) -> asio::awaitable<void> {
                     co_await put(tree, 2, "lost");
                     blocks.syncs_until_failure = 0;
                     std::vector<Task> waiters(3);
                     for (Task& waiter : waiters) start(tree.make_durable(tree.epoch()), waiter);
                     co_await settle();
                     for (const Task& waiter : waiters) {
                         EXPECT_TRUE(waiter.done && has_code(waiter.error, Errc::writes_failed));
                     }
                     EXPECT_TRUE(tree.read_only());
                     EXPECT_NE(tree.failure(), "");
                     blocks.new_session();  // the store would work again, but nobody knows what it holds
                     EXPECT_THROW(tree.apply(put_of(number_key(3), {})), Error);
                     EXPECT_THROW(co_await tree.commit(), Error);
                     const std::string old_value = co_await get(tree, 1);
                     const std::string new_value = co_await get(tree, 2);
                     EXPECT_EQ(old_value, "safe");
                     EXPECT_EQ(new_value, "lost") << "what was changed can still be read";
                     co_await tree.make_durable(Epoch{0});
                     checked = true;
                 }),
                 Error);
    EXPECT_TRUE(checked);
    session([&](Tree& tree) -> asio::awaitable<void> {
        const std::string value = co_await get(tree, 2);
        EXPECT_EQ(value, "(none)");
    });
}

// What the hook of a commit needs and cannot read is an error of the hook, which may pass over it.
TEST_F(TreeTest, ANodeThatTheHookCannotReadIsTheHooksBusiness) {
    settings.node_bytes = 256;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 100; ++i) co_await put(tree, i, "a value of some length");
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "new");
        std::exception_ptr passed_over;
        bool damaged = true;
        tree.set_before_freeze([&] {
            try {
                static_cast<void>(tree.find(number_key(90)));
            } catch (const NodeFault& fault) {
                if (damaged) blocks.unreadable = fault.address;
                throw;
            } catch (...) {
                passed_over = std::current_exception();
            }
        });
        co_await tree.commit();
        EXPECT_TRUE(has_code(passed_over, Errc::corrupt));
        EXPECT_FALSE(tree.read_only());
        blocks.unreadable = {};
        damaged = false;
        passed_over = nullptr;
        co_await put(tree, 2, "new");
        co_await tree.commit();
        EXPECT_FALSE(passed_over) << "the next commit tries again";
        co_await tree.remove_hooks();
    });
}

TEST_F(TreeTest, WhatFailsBeforeTheFreezeFailsThatAttemptOnly) {
    session([&](Tree& tree) -> asio::awaitable<void> {
        co_await put(tree, 1, "kept");
        bool fails = true;
        tree.set_before_freeze([&] {
            if (fails) throw Error(std::errc::io_error, "The test fails this attempt");
        });
        std::vector<Task> waiters(2);
        for (Task& waiter : waiters) start(tree.make_durable(tree.epoch()), waiter);
        co_await settle();
        for (const Task& waiter : waiters)
            EXPECT_TRUE(waiter.done && has_code(waiter.error, std::make_error_code(std::errc::io_error)));
        EXPECT_FALSE(tree.read_only());
        EXPECT_TRUE(tree.dirty());
        fails = false;
        co_await tree.commit();
        EXPECT_FALSE(tree.dirty());
        tree.set_before_commit([]() -> asio::awaitable<void> {
            throw Error(std::errc::io_error, "The test fails this attempt");
            co_return;
        });
        co_await put(tree, 2, "kept as well");
        Task waiter;
        start(tree.commit(), waiter);
        co_await settle();
        EXPECT_TRUE(waiter.done && waiter.error);
        EXPECT_FALSE(tree.read_only());
        co_await tree.remove_hooks();
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        const std::string first = co_await get(tree, 1);
        const std::string second = co_await get(tree, 2);
        EXPECT_EQ(first, "kept");
        EXPECT_EQ(second, "kept as well");
    });
}

TEST_F(TreeTest, EveryFailedAppendEndsInAnErrorAndTheOldState) {
    settings.node_bytes = 256;
    for (std::uint64_t n = 0;; ++n) {
        blocks = MemoryBlockStore();
        session([&](Tree& tree) -> asio::awaitable<void> {
            for (std::uint64_t i = 0; i < 40; ++i) co_await put(tree, i, "old");
        });
        bool failed = false;
        try {
            session([&](Tree& tree) -> asio::awaitable<void> {
                for (std::uint64_t i = 0; i < 40; i += 4) co_await put(tree, i, "new");
                blocks.appends_until_failure = n;
            });
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), make_error_code(Errc::writes_failed));
            failed = true;
        }
        session([&](Tree& tree) -> asio::awaitable<void> {
            const std::string value = co_await get(tree, 4);
            EXPECT_EQ(value, failed ? "old" : "new");
        });
        if (!failed) {
            EXPECT_GT(n, 5u);
            break;
        }
    }
}

TEST_F(TreeTest, ADamagedNodeIsAnErrorForThatEntryOnly) {
    settings.node_bytes = 256;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 100; ++i) co_await put(tree, i, "x");
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (;;) {  // find the leaf of 50
            std::optional<NodeFault> fault;
            try {
                tree.find(number_key(50));
                break;
            } catch (const NodeFault& missing) {
                fault.emplace(missing);
            }
            blocks.unreadable = fault->address;
            if (blocks.blocks.at(fault->address).header.owner == 0) break;
            blocks.unreadable = {};
            co_await tree.load(*fault);
        }
        EXPECT_THROW(co_await get(tree, 50), Error);
        const std::string other = co_await get(tree, 2);
        EXPECT_EQ(other, "x");
        blocks.unreadable = {};
        const std::string again = co_await get(tree, 50);
        EXPECT_EQ(again, "x");
    });
}

// --- memory --------------------------------------------------------------------------------------

TEST_F(TreeTest, ConcurrentLoadsOfANodeReadItOnce) {
    session([&](Tree& tree) -> asio::awaitable<void> { co_await put(tree, 1, "x"); });
    session([&](Tree& tree) -> asio::awaitable<void> {
        std::vector<Task> tasks(20);
        const auto read = [](Tree& from) -> asio::awaitable<void> {
            const std::string value = co_await get(from, 1);
            EXPECT_EQ(value, "x");
        };
        for (Task& task : tasks) start(read(tree), task);
        co_await settle();
        for (const Task& task : tasks) EXPECT_TRUE(task.done && !task.error);
        EXPECT_EQ(blocks.reads, 1u);
    });
}

TEST_F(TreeTest, ThrottleCommitsWhenTooMuchIsDirty) {
    settings.node_cache_bytes = 256 * 1024;
    settings.node_bytes = 1024;
    session([&](Tree& tree) -> asio::awaitable<void> {
        std::size_t most = 0;
        for (std::uint64_t i = 0; i < 20'000; ++i) {
            co_await put(tree, i, std::string(60, 'x'));
            co_await tree.throttle();
            most = std::max(most, tree.dirty_bytes());
        }
        EXPECT_LT(most, 256 * 1024 * 7 / 8);
        // Clean nodes up to the limit, and 7/8 of it each of nodes that a commit has frozen and of changed ones.
        EXPECT_LT(tree.resident_bytes(), 256 * 1024 * 11 / 4);
        EXPECT_GT(blocks.syncs, 5u);
        const std::string value = co_await get(tree, 3);
        EXPECT_EQ(value, std::string(60, 'x'));
    });
}

TEST_F(TreeTest, ATinyCacheOnlyCostsReads) {
    settings.node_bytes = 256;
    settings.node_cache_bytes = 8 * 1024;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 2000; ++i) {
            co_await put(tree, i * 7 % 2000, "v" + std::to_string(i * 7 % 2000));
            co_await tree.throttle();
        }
        co_await tree.commit();
        const std::uint64_t reads = blocks.reads;
        for (std::uint64_t i = 0; i < 2000; ++i) {
            const std::uint64_t number = i * 11 % 2000;
            const std::string value = co_await get(tree, number);
            EXPECT_EQ(value, "v" + std::to_string(number));
            EXPECT_LT(tree.resident_bytes(), 64u * 1024);
        }
        EXPECT_GT(blocks.reads, reads + 1000);
        const Contents contents = co_await contents_of(tree);
        EXPECT_EQ(contents.size(), 2000u);
    });
}

// --- usage of segments ---------------------------------------------------------------------------

TEST_F(TreeTest, TheUsageOfSegmentsIsWhatAWalkFinds) {
    settings.node_bytes = 512;
    blocks.segment_bytes = 8 * 1024;
    Usage data;
    std::uint64_t state = 1;
    for (int round = 0; round < 6; ++round) {
        session([&](Tree& tree) -> asio::awaitable<void> {
            for (int step = 0; step < 40; ++step) {
                Changes changes;
                for (int i = 0; i < 20; ++i) {
                    state = state * 6364136223846793005ull + 1442695040888963407ull;
                    const Key key = number_key((state >> 40) % 700);
                    if (std::ranges::any_of(changes.entries, [&](const auto& e) { return e.key == key; }))
                        continue;
                    const auto read = [&tree, key] { return tree.find(key).has_value(); };
                    const bool exists = co_await tree.retry(read);
                    if (exists && state % 3 == 0) {
                        changes.erase(key);
                    } else {
                        changes.put(key, Bytes(state % 50));
                    }
                }
                const block::SegmentId segment{900 + state % 5, 1};
                changes.use(segment, static_cast<std::int64_t>(state % 100));
                data[segment] += static_cast<std::int64_t>(state % 100);
                const auto apply = [&tree, &changes] { return tree.apply(changes); };
                co_await tree.retry(apply);
                if (step % 5 == 0) co_await tree.commit();
            }
            co_await tree.commit();

            // Walk what is stored.
            Usage real = data;
            std::erase_if(real, [](const auto& entry) { return entry.second == 0; });
            const CommitRecord& record = *tree.last_commit();
            BTree stored(settings.node_bytes, record.root, record.root_birth, record.root_level);
            for (bool done = false; !done;) {
                try {
                    real = data;
                    stored.walk([&](const block::BlockAddress& where,
                                    unsigned) { real[where.segment] += where.stored_bytes(); },
                                [](const Key&, ByteSpan) {});
                    done = true;
                } catch (const NodeFault& fault) {
                    stored.add_loaded(fault.address, blocks.blocks.at(fault.address).payload);
                }
            }
            const auto usage = [&tree] { return tree.segment_usage(); };
            const std::vector<SegmentLive> told = co_await tree.retry(usage);
            Usage told_map;
            for (const SegmentLive& entry : told) told_map[entry.segment] = entry.bytes;
            EXPECT_EQ(told_map, real);
        });
    }
}

}  // namespace
}  // namespace demofs::tree::test
