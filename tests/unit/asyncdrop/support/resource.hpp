// Guarded types and tools shared by the tests of libasyncdrop.
//
// Every Resource writes what happens to it into a Journal: "drop a", "closed a", "destroy a".
#pragma once

#include <asyncdrop/forgotten.hpp>
#include <asyncdrop/passkey.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/asyncdrop/support/gate.hpp"
#include "tests/unit/asyncdrop/support/journal.hpp"

namespace asyncdrop_test {

namespace asio = boost::asio;

class Failure : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Lets other work of the context run once.
inline asio::awaitable<void> yield() {
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
}

/// The resource most tests guard.
class Resource {
  public:
    Resource(asyncdrop::Passkey<Resource>, Journal& log, std::string name)
        : log_(&log), name_(std::move(name)) {}
    Resource(Resource&& other) noexcept
        : log_(std::exchange(other.log_, nullptr)),
          name_(std::move(other.name_)),
          fails_(other.fails_),
          gate_(other.gate_) {}
    Resource& operator=(Resource&&) = delete;
    ~Resource() {
        if (log_) log_->add("destroy " + name_);
    }

    asio::awaitable<void> async_drop_impl() {
        log_->add("drop " + name_);
        co_await yield();
        if (gate_) co_await gate_->pass();
        if (fails_) throw Failure(name_);
        log_->add("closed " + name_);
    }

    void fail_on_drop() { fails_ = true; }
    void wait_on_drop(Gate& gate) { gate_ = &gate; }
    const std::string& name() const { return name_; }

  private:
    Journal* log_;
    std::string name_;
    bool fails_ = false;
    Gate* gate_ = nullptr;
};

/// A resource whose cleanup is a plain function.
class SyncResource {
  public:
    explicit SyncResource(Journal& log) : log_(&log) {}
    void async_drop_impl() noexcept { log_->add("drop sync"); }

  private:
    Journal* log_;
};

/// Receives the reports of forgotten drops while it lives, instead of the default handler.
class RecordForgotten {
  public:
    struct Report {
        std::string type;
        std::string name;
        std::string file;
        std::uint32_t line;
        asyncdrop::ForgottenReason reason;
    };

    RecordForgotten() : former_(asyncdrop::set_forgotten_handler(&record)) { reports().clear(); }
    RecordForgotten(const RecordForgotten&) = delete;
    RecordForgotten& operator=(const RecordForgotten&) = delete;
    ~RecordForgotten() { asyncdrop::set_forgotten_handler(former_); }

    static std::vector<Report>& reports() {
        static std::vector<Report> all;
        return all;
    }
    static std::vector<asyncdrop::ForgottenReason> reasons() {
        std::vector<asyncdrop::ForgottenReason> all;
        for (const Report& report : reports()) all.push_back(report.reason);
        return all;
    }

  private:
    static void record(const asyncdrop::ForgottenDrop& drop) noexcept {
        reports().push_back({std::string(drop.type), std::string(drop.name), drop.site.file(),
                             drop.site.line(), drop.reason});
    }

    asyncdrop::ForgottenHandler former_;
};

/// The what() of the exception `error` holds; empty if it holds none.
inline std::string message(const std::exception_ptr& error) {
    if (!error) return {};
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    }
}

inline bool is_cancellation(const std::exception_ptr& error) {
    if (!error) return false;
    try {
        std::rethrow_exception(error);
    } catch (const boost::system::system_error& e) {
        return e.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

/// A coroutine that can be cancelled by `cancel()`, on its own context's thread. Declare it after the
/// context.
class Cancellable {
  public:
    /// Spawns the coroutine that `start` returns.
    void spawn(asio::io_context& context, std::function<asio::awaitable<void>()> start) {
        asio::co_spawn(context, switch_first(std::move(start)),
                       asio::bind_cancellation_slot(signal_.slot(), [this](std::exception_ptr e) {
                           done_ = true;
                           error_ = e;
                       }));
    }
    void cancel() { signal_.emit(asio::cancellation_type::terminal); }

    /// Runs the context until the coroutine has ended; returns its error.
    std::exception_ptr run(asio::io_context& context) {
        run_until(context, [this] { return done_; });
        return error_;
    }
    template <class Condition>
    static void run_until(asio::io_context& context, Condition condition) {
        context.restart();
        while (!condition()) {
            if (context.run_one() == 0) throw std::logic_error("nothing left to run");
        }
    }
    bool done() const { return done_; }

  private:
    /// Asio 1.81: a cancelled coroutine that ends without ever having been suspended throws out of run(),
    /// because co_spawn's own post is refused.
    static asio::awaitable<void> switch_first(std::function<asio::awaitable<void>()> start) {
        co_await yield();
        asio::awaitable<void> running = start();
        co_await std::move(running);
    }

    asio::cancellation_signal signal_;
    bool done_ = false;
    std::exception_ptr error_;
};

/// The cancellation type recorded in the calling coroutine.
inline bool is_cancelled(const asio::cancellation_state& state) {
    return state.cancelled() != asio::cancellation_type::none;
}

}  // namespace asyncdrop_test
