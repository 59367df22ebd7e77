// A gate on many threads: whoever gets in is out before the drop returns. For ThreadSanitizer.
#include <asyncdrop/occupant.hpp>

#include <gtest/gtest.h>

#include <asyncdrop/gate.hpp>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <thread>
#include <vector>

#include "tests/support/run_coroutine.hpp"

namespace {

using asyncdrop::AsyncDropGate;

TEST(GateThreads, NobodyIsInsideWhenTheDropReturnsHoweverTheyRace) {
    for (int round = 0; round < 30; ++round) {
        auto gate = AsyncDropGate::create();
        const AsyncDropGate& entry = *gate;
        std::atomic<bool> closed{false};
        std::atomic<int> ready{0};
        int unguarded = 0;  // written inside only, by one thread; read after the drop
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            // A pass of each thread keeps the gate alive until the thread knows that it is closed.
            threads.emplace_back([&, t, first = entry.enter("thread")]() mutable {
                ready += 1;
                while (auto pass = entry.try_enter("visit")) {
                    AsyncDropGate::Pass moved = std::move(*pass);
                    EXPECT_FALSE(closed);
                    if (t == 0) ++unguarded;
                    EXPECT_GE(entry.size(), 1u);
                    if (t == 1) {
                        EXPECT_FALSE(entry.occupants().empty());
                    }
                }
                first.leave();
            });
        }
        while (ready < 4) std::this_thread::yield();
        boost::asio::io_context context;
        test_support::run_coroutine(context, gate.async_drop());
        closed = true;
        EXPECT_GE(unguarded, 0);
        for (std::thread& thread : threads) thread.join();
    }
}

}  // namespace
