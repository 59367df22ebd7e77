// A resource whose cleanup tells what happens to it and does what the test wants.
//
// Threads: the cleanup may run on any thread.
#pragma once

#include <asyncdrop/error.hpp>
#include <asyncdrop/guard.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/asyncdrop/support/gate.hpp"
#include "tests/unit/asyncdrop/support/journal.hpp"

namespace asio = boost::asio;

/// A second coroutine's turn on a single-threaded context: lets everything run that can run now.
inline asio::awaitable<void> let_others_run() {
    for (int turn = 0; turn < 20; ++turn) {
        auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
    }
}

using Cleanup = std::function<asio::awaitable<void>()>;

inline Cleanup failing(std::string message) {
    return [message]() -> asio::awaitable<void> {
        throw std::runtime_error(message);
        co_return;
    };
}

inline Cleanup waiting_for(Gate& gate) {
    return [&gate]() -> asio::awaitable<void> { return gate.pass(); };
}

class ProbeBase {
  public:
    virtual std::string name() const = 0;
    virtual asio::awaitable<void> async_drop_impl() = 0;

  protected:
    ~ProbeBase() = default;
};

/// Journal: "drop <name>" when the cleanup begins, "dropped <name>" when it succeeded, "gone <name>" when the
/// object dies.
class Probe final : public ProbeBase {
  public:
    Probe(asyncdrop::Passkey<Probe>, Journal& journal, std::string name, Cleanup cleanup = {})
        : journal_(&journal), name_(std::move(name)), cleanup_(std::move(cleanup)) {}
    Probe(Probe&& other) noexcept
        : value(other.value),
          journal_(std::exchange(other.journal_, nullptr)),
          name_(std::move(other.name_)),
          cleanup_(std::move(other.cleanup_)) {}
    ~Probe() {
        if (journal_) journal_->add("gone " + name_);
    }

    std::string name() const override { return name_; }

    asio::awaitable<void> async_drop_impl() override {
        journal_->add("drop " + name_);
        if (cleanup_) {
            asio::awaitable<void> cleanup = cleanup_();
            co_await std::move(cleanup);
        }
        journal_->add("dropped " + name_);
    }

    int value = 0;

  private:
    Journal* journal_;
    std::string name_;
    Cleanup cleanup_;
};

inline asyncdrop::AsyncDropGuard<Probe> make_probe(
    Journal& journal, std::string name, Cleanup cleanup = {},
    asyncdrop::CreationSite site = asyncdrop::CreationSite::here()) {
    return asyncdrop::make_guard<Probe>(journal, std::move(name), std::move(cleanup), site);
}

/// Records forgotten drops instead of aborting, for its lifetime. For single-threaded tests.
class ForgottenRecorder {
  public:
    struct Entry {
        std::string type;
        asyncdrop::CreationSite site;
        asyncdrop::ForgottenReason reason;
    };

    ForgottenRecorder() {
        entries().clear();
        before_ = asyncdrop::set_forgotten_handler([](const asyncdrop::ForgottenDrop& drop) noexcept {
            entries().push_back(Entry{std::string(drop.type), drop.site, drop.reason});
        });
    }
    ForgottenRecorder(const ForgottenRecorder&) = delete;
    ForgottenRecorder& operator=(const ForgottenRecorder&) = delete;
    ~ForgottenRecorder() { asyncdrop::set_forgotten_handler(before_); }

    static std::vector<Entry>& entries() {
        static std::vector<Entry> all;
        return all;
    }

  private:
    asyncdrop::ForgottenHandler before_;
};

inline std::string message_of(const std::exception_ptr& error) {
    return error ? asyncdrop::detail::message_of(error) : "no error";
}

/// The message of what a coroutine throws when awaited here.
inline asio::awaitable<std::string> outcome_of(asio::awaitable<void> coroutine) {
    std::string outcome = "no error";
    try {
        co_await std::move(coroutine);
    } catch (const std::exception& error) {
        outcome = error.what();
    }
    co_return outcome;
}
