// What the tests of AsyncDropShared have in common: a creation that waits, fails or ignores its cancellation
// as the test wants.
//
// Threads: single-threaded.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/shared.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/run_coroutine.hpp"
#include "tests/unit/asyncdrop/support/probe_test.hpp"

namespace shared_test {

using asyncdrop::AsyncDropArc;
using asyncdrop::AsyncDropBox;
using asyncdrop::AsyncDropGuard;
using asyncdrop::AsyncDropShared;
using asyncdrop::CreationSite;
using asyncdrop::ForgottenReason;
using test_support::run_coroutine;
using Events = std::vector<std::string>;
using ProbeShared = AsyncDropShared<Probe>;
using ProbeArc = AsyncDropArc<Probe>;

inline const Events created_and_gone{"create", "drop it", "dropped it", "gone it"};

/// What a waiter in a coroutine of its own gets.
struct Waited {
    std::string outcome;
    ProbeArc arc;
};

inline asio::awaitable<void> wait_for(asio::awaitable<ProbeArc> getting, Waited& waited) {
    try {
        waited.arc = co_await std::move(getting);
        waited.outcome = waited.arc->name();
    } catch (const std::exception& error) {
        waited.outcome = error.what();
    }
}

class SharedTest : public ProbeTest {
  protected:
    asio::awaitable<AsyncDropGuard<Probe>> create_slowly() {
        journal.add("create");
        bool cancelled = false;
        try {
            co_await gate.pass();
        } catch (const boost::system::system_error&) {
            cancelled = true;
            journal.add("cancelled");
        }
        if (cancelled && !finishes_when_cancelled) throw std::runtime_error("cancelled");
        if (fails) throw std::runtime_error("cannot create");
        co_return make_probe(journal, "it", cleanup);
    }
    ProbeShared slow() {
        return ProbeShared::create([this] { return create_slowly(); });
    }
    ProbeShared quick() {
        gate.open();
        return slow();
    }
    void start_waiting(const ProbeShared& shared, Waited& waited) {
        asio::co_spawn(context, wait_for(shared.get(), waited), asio::detached);
        poll();
    }

    Gate gate;
    Cleanup cleanup;
    bool fails = false;
    bool finishes_when_cancelled = false;
};

}  // namespace shared_test
