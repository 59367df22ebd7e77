// What the tree does when the block store fails.
#include "demofs/tree/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "demofs/base/error.hpp"
#include "tree_fixture.hpp"

namespace demofs::tree::test {
namespace {

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

// A node that is read together with its neighbours does not share their damage.
TEST_F(TreeTest, ADamagedNodeFailsOnlyThoseWhoWantIt) {
    settings.node_bytes = 512;
    blocks.segment_bytes = 1 << 20;
    session([&](Tree& tree) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i < 1000; ++i) co_await put(tree, i, "a value of some length");
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        block::BlockAddress leaf;
        for (;;) {
            std::optional<NodeFault> fault;
            try {
                static_cast<void>(tree.find(number_key(500)));
            } catch (const NodeFault& missing) {
                fault.emplace(missing);
            }
            if (!fault) break;
            leaf = fault->address;
            co_await tree.load(*fault);
        }
        blocks.unreadable = leaf;
        co_return;
    });
    session([&](Tree& tree) -> asio::awaitable<void> {
        std::vector<std::uint64_t> failed;
        for (std::uint64_t i = 0; i < 1000; ++i) {
            std::exception_ptr error;
            try {
                static_cast<void>(co_await get(tree, i));
            } catch (...) {
                error = std::current_exception();
            }
            if (error) failed.push_back(i);
        }
        EXPECT_GT(blocks.reads_of_many, 0u);
        EXPECT_THAT(failed, testing::Contains(500u));
        EXPECT_LT(failed.size(), 20u);
        EXPECT_EQ(failed.back() - failed.front() + 1, failed.size()) << "the entries of one leaf";
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

}  // namespace
}  // namespace demofs::tree::test
