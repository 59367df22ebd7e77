// Signals and idleness, each watched by a coroutine that ends when the triggers are dropped.
//
// They ask the kernel to unmount, on a worker, since the kernel asks this very daemon to flush before it is
// done; the session notices the end of the mount, as with any other cause. Only a second signal does not
// unmount: it stops the session; and a later one may give up.
#include "demofs/app/unmount_triggers.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <asyncdrop/guard.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "demofs/base/error.hpp"

namespace demofs::app {

namespace asio = boost::asio;

namespace {

std::string signal_name(int number) {
    switch (number) {
        case SIGTERM:
            return "SIGTERM";
        case SIGINT:
            return "SIGINT";
        case SIGQUIT:
            return "SIGQUIT";
        default:
            return "SIGHUP";
    }
}

bool is_ignored(int signal) {
    struct sigaction now{};
    return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

constexpr std::array watched_signals{SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGHUP};

// Held back while they change hands: between a handler that is gone and "ignored" stands the default, which
// ends the process.
void ignore_from_now_on(asio::signal_set& signals) {
    sigset_t held;
    sigset_t before;
    ::sigemptyset(&held);
    for (const int number : watched_signals) ::sigaddset(&held, number);
    ::pthread_sigmask(SIG_BLOCK, &held, &before);
    signals.clear();
    for (const int number : watched_signals) ::signal(number, SIG_IGN);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

struct UnmountTriggers::State {
    State(const asio::any_io_executor& ex, Notice n, TriggerActions a)
        : executor(ex),
          notice(std::move(n)),
          actions(std::move(a)),
          signals(ex),
          idle_timer(ex),
          task_ended(ex) {
        for (const int number : watched_signals) {
            if (number != SIGHUP || !is_ignored(SIGHUP)) signals.add(number);
        }
        task_ended.expires_at(asio::steady_timer::time_point::max());
    }

    asio::any_io_executor executor;
    Notice notice;
    TriggerActions actions;
    asio::signal_set signals;
    asio::steady_timer idle_timer;
    asio::steady_timer task_ended;
    int tasks = 0;
    bool stopping = false;
    bool mounted = false;
    std::chrono::seconds idle_timeout{0};
    std::string cause;
    int signals_seen = 0;

    void spawn(asio::awaitable<void> task) {
        ++tasks;
        asio::co_spawn(executor, std::move(task), [this](const std::exception_ptr& error) {
            if (error) notice("Unmounting failed: " + describe(error));
            --tasks;
            task_ended.cancel();
        });
    }

    void on_signal(int number) {
        if (number == SIGUSR1) return actions.report();
        ++signals_seen;
        if (cause.empty()) cause = signal_name(number);
        if (mounted && signals_seen == 1) {
            spawn(unmount_or_detach());
        } else if (mounted && signals_seen == 2) {
            notice("Second signal: ending once everything written so far is saved, open files get errors");
            actions.going_down();
            spawn(actions.stop_serving());
        } else if (signals_seen > 1 && actions.stuck()) {
            actions.give_up(signal_name(number));
        } else {
            notice(signal_name(number) + " received; the mount is going up or down already" +
                   (signals_seen > 1 ? " (if nothing has moved on for 10 s, a signal gives up)" : ""));
        }
    }

    asio::awaitable<void> unmount_or_detach() {
        auto unmounting = unmount(true);
        static_cast<void>(co_await std::move(unmounting));
    }

    asio::awaitable<void> watch_signals() {
        const auto token = asio::as_tuple(asio::use_awaitable);
        while (!stopping) {
            auto waiting = signals.async_wait(token);
            const auto [error, number] = co_await std::move(waiting);
            if (error) co_return;
            on_signal(number);
        }
    }

    // Unmounts; if files are in use and `detach_if_busy`, lazily. Returns whether the mount is gone or
    // detached.
    asio::awaitable<bool> unmount(bool detach_if_busy) {
        actions.going_down();
        std::exception_ptr failed;
        try {
            auto normally = actions.unmount(fuse::UnmountMode::normal);
            co_await std::move(normally);
        } catch (...) {
            failed = std::current_exception();
        }
        if (!failed || !mounted) co_return true;
        actions.only_serving();
        const bool busy = errno_of(failed) == std::errc::device_or_resource_busy;
        if (busy && !detach_if_busy) co_return false;
        if (!busy) std::rethrow_exception(failed);
        notice(
            "Files are in use: the mount is detached and will end when they are closed (a second signal "
            "saves what was written so far and ends it)");
        auto lazily = actions.unmount(fuse::UnmountMode::lazy);
        co_await std::move(lazily);
        co_return true;
    }

    asio::awaitable<void> watch_idleness() {
        const auto token = asio::as_tuple(asio::use_awaitable);
        std::uint64_t seen = 0;
        auto busy_until = std::chrono::steady_clock::now();
        while (!stopping && mounted) {
            const auto now = std::chrono::steady_clock::now();
            const MountUse use = actions.use();
            if (use.busy || use.requests != seen) busy_until = now;
            seen = use.requests;
            if (now - busy_until >= idle_timeout) {
                cause = "idle for " + std::to_string(idle_timeout.count()) + " s";
                auto unmounting = unmount(false);
                const bool gone = co_await std::move(unmounting);
                if (gone) co_return;
                cause.clear();  // busy after all (a working directory, say): try again later
                busy_until = std::chrono::steady_clock::now();
            }
            idle_timer.expires_after(std::clamp<std::chrono::milliseconds>(
                idle_timeout / 4, std::chrono::milliseconds(100), std::chrono::seconds(10)));
            auto waiting = idle_timer.async_wait(token);
            co_await std::move(waiting);
        }
    }
};

asyncdrop::AsyncDropBox<UnmountTriggers> UnmountTriggers::make(asio::any_io_executor executor, Notice notice,
                                                               TriggerActions actions) {
    return asyncdrop::make_box<UnmountTriggers>(std::move(executor), std::move(notice), std::move(actions));
}

UnmountTriggers::UnmountTriggers(asyncdrop::Passkey<UnmountTriggers>, asio::any_io_executor executor,
                                 Notice notice, TriggerActions actions)
    : state_(std::make_unique<State>(executor, std::move(notice), std::move(actions))) {}

UnmountTriggers::~UnmountTriggers() = default;

void UnmountTriggers::start() {
    state_->spawn(state_->watch_signals());
}

void UnmountTriggers::mounted(std::chrono::seconds idle_timeout) {
    State& s = *state_;
    s.mounted = true;
    s.idle_timeout = idle_timeout;
    if (s.signals_seen > 0) s.spawn(s.unmount_or_detach());
    if (idle_timeout.count() > 0) s.spawn(s.watch_idleness());
}

void UnmountTriggers::unmounted() {
    state_->mounted = false;
    state_->idle_timer.cancel();
}

const std::string& UnmountTriggers::cause() const {
    return state_->cause;
}

asio::awaitable<void> UnmountTriggers::async_drop_impl() {
    State& s = *state_;
    s.stopping = true;
    s.signals.cancel();
    s.idle_timer.cancel();
    const auto token = asio::as_tuple(asio::use_awaitable);
    while (s.tasks > 0) {
        auto waiting = s.task_ended.async_wait(token);
        co_await std::move(waiting);
    }
    ignore_from_now_on(s.signals);
}

}  // namespace demofs::app
