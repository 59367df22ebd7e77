// How a case and its twin are registered and run.
//
// Names are `<case>/asyncdrop` and `<case>/by_hand`; ratios.py pairs them by that. The counter `target`, if
// there is one, is the ratio that the library promises. Everything runs in one coroutine on one io_context,
// so that what is measured is the case and not the start of a context.
#pragma once

#include <benchmark/benchmark.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <string>

#include "connection.hpp"

namespace asyncdrop_bench {

/// Measures the loop `for (auto _ : state)` of a coroutine.
using Measured = asio::awaitable<void> (*)(benchmark::State&);

enum class Slot { none, connected };

inline void run_case(benchmark::State& state, Measured measured, Slot slot) {
    asio::io_context context(1);
    asio::cancellation_signal signal;
    const auto done = [](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
    };
    if (slot == Slot::connected) {
        asio::co_spawn(context, measured(state), asio::bind_cancellation_slot(signal.slot(), done));
    } else {
        asio::co_spawn(context, measured(state), done);
    }
    context.run();
}

/// Registers a case and its twin. `target` is the promised ratio, 0 for none.
class Case {
  public:
    Case(const std::string& name, double target, Measured asyncdrop, Measured by_hand,
         Slot slot = Slot::none) {
        add(name + "/asyncdrop", target, asyncdrop, slot);
        add(name + "/by_hand", 0, by_hand, slot);
    }

    /// For cases that need no coroutine.
    Case(const std::string& name, double target, void (*asyncdrop)(benchmark::State&),
         void (*by_hand)(benchmark::State&)) {
        benchmark::RegisterBenchmark((name + "/asyncdrop").c_str(),
                                     [asyncdrop, target](benchmark::State& state) {
                                         asyncdrop(state);
                                         note_target(state, target);
                                     });
        benchmark::RegisterBenchmark((name + "/by_hand").c_str(), by_hand);
    }

  private:
    static void add(const std::string& name, double target, Measured measured, Slot slot) {
        benchmark::RegisterBenchmark(name.c_str(), [measured, target, slot](benchmark::State& state) {
            run_case(state, measured, slot);
            note_target(state, target);
        });
    }
    static void note_target(benchmark::State& state, double target) {
        if (target > 0) state.counters["target"] = target;
    }
};

}  // namespace asyncdrop_bench
