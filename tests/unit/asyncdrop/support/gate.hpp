// Coroutines wait in a Gate until the test opens it. Waiting in it can be cancelled.
//
// Threads: may be used from any thread. The Gate may die before those who wait in it.
#pragma once

#include <asyncdrop/detail/completion.hpp>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <utility>

class Gate {
  public:
    void open() { state_->opened.complete(nullptr); }
    boost::asio::awaitable<void> pass() { return pass_through(state_); }
    /// Whether somebody is waiting.
    bool waiting() const { return state_->inside > 0; }

  private:
    struct State {
        asyncdrop::detail::Completion opened;
        std::atomic<int> inside{0};
    };
    class Inside {
      public:
        explicit Inside(State& state) : state_(state) { ++state_.inside; }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;
        ~Inside() { --state_.inside; }

      private:
        State& state_;
    };

    static boost::asio::awaitable<void> pass_through(std::shared_ptr<State> state) {
        const Inside inside(*state);
        boost::asio::awaitable<void> opened = state->opened.wait(state);
        co_await std::move(opened);
    }

    std::shared_ptr<State> state_ = std::make_shared<State>();
};
