// Runs a Tree on a MemoryBlockStore, session after session.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <map>
#include <optional>
#include <utility>

#include "contents.hpp"
#include "demofs/tree/tree.hpp"
#include "memory_block_store.hpp"
#include "tests/support/run_coroutine.hpp"

namespace demofs::tree::test {

namespace asio = boost::asio;

class TreeTest : public testing::Test {
  protected:
    // Runs `body(tree)` on the store's newest commit. `clean`: with the final commit, whose error is thrown.
    template <class Body>
    void session(Body body) {
        blocks.new_session();
        settings.session.bytes[0] = std::byte(++sessions_);
        std::unique_ptr<CommitRecord> last = blocks.last_record();
        test_support::run_coroutine(context, run(body, std::move(last)));
        if (drop_error) std::rethrow_exception(std::exchange(drop_error, nullptr));
    }

    // Starts `coroutine` beside the running test; `done` is set when it ends, `error` what it threw.
    struct Task {
        bool done = false;
        std::exception_ptr error;
    };
    void start(asio::awaitable<void> coroutine, Task& task) {
        asio::co_spawn(context, std::move(coroutine), [&task](std::exception_ptr error) {
            task.done = true;
            task.error = error;
        });
    }

    // Lets everything run that can.
    static asio::awaitable<void> settle() {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        for (int i = 0; i < 100; ++i) co_await asio::post(executor, asio::use_awaitable);
    }

    asio::io_context context;
    MemoryBlockStore blocks;
    TreeSettings settings{.check_before_commit = true};
    std::exception_ptr drop_error;

  private:
    template <class Body>
    asio::awaitable<void> run(Body& body, std::unique_ptr<CommitRecord> last) {
        asyncdrop::AsyncDropGuard<Tree> tree = Tree::make(settings, blocks, std::move(last));
        std::exception_ptr error;
        try {
            co_await body(*tree);
        } catch (...) {
            error = std::current_exception();
        }
        try {
            co_await tree.async_drop();
        } catch (...) {
            drop_error = std::current_exception();
        }
        if (error) std::rethrow_exception(error);
    }

    std::uint8_t sessions_ = 0;
};

}  // namespace demofs::tree::test
