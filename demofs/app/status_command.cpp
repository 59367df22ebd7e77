// `demofs status`: asks daemons what they are doing, those that are on their way down included; once, or once
// a second.
//
// Watching ends with the mounts that are watched, or with a signal. Signals are blocked and asked for, so that
// none can end the program in the middle of a block.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "demofs/app/commands.hpp"
#include "demofs/app/control_socket.hpp"
#include "demofs/app/daemon_status.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/mounted_directory.hpp"

namespace demofs::app {

namespace {

using Clock = ControlClient::Clock;

constexpr std::chrono::seconds answer_time(5);
constexpr std::chrono::seconds watch_interval(1);
constexpr std::chrono::milliseconds look_interval(100);  // at signals

// SIGINT and SIGTERM wait until they are asked for.
class HeldSignals {
  public:
    HeldSignals() {
        sigemptyset(&signals_);
        for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals_, signal);
        ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    }

    // Whether one has come, now or earlier.
    bool came() {
        const timespec no_time{};
        if (!came_) came_ = ::sigtimedwait(&signals_, nullptr, &no_time) > 0;
        return came_;
    }

  private:
    sigset_t signals_{};
    bool came_ = false;
};

// The answers of one moment.
struct Answers {
    std::vector<std::string> json;
    std::size_t hanging = 0;  // daemons that are there and say nothing
};

class Asking {
  public:
    explicit Asking(const StatusSettings& settings) : settings_(settings) {
        if (settings.watch) signals_.emplace();
        if (!settings.mount_point) return;
        MountedDirectory found = find_mounted(*settings.mount_point);
        if (!found.daemon) {
            throw Failure(exit_not_mounted,
                          "no demofs of this user is mounted on " + found.directory +
                              (found.mount ? "; what is mounted there is a " + found.mount->type : ""));
        }
        daemons_.push_back(std::move(*found.daemon));
    }

    Answers ask_all() {
        if (!settings_.mount_point) daemons_ = ControlClient::connect_all();
        Answers answers;
        for (ControlClient& daemon : daemons_) {
            std::string json = ask(daemon, answers.hanging);
            if (!json.empty()) answers.json.push_back(std::move(json));
        }
        return answers;
    }

    // Returns early if the only daemon that is watched ends, or somebody does not want to go on.
    void wait_until(Clock::time_point next) {
        while (!interrupted() && Clock::now() < next) {
            const auto look = std::min(next, Clock::now() + look_interval);
            if (!settings_.mount_point) {
                std::this_thread::sleep_until(look);
            } else if (!daemons_.front().next(look) && daemons_.front().over()) {
                return;
            }
        }
    }

    bool interrupted() { return signals_ && signals_->came(); }

  private:
    // One line; nothing if the daemon is gone. One that is there and does not answer is counted.
    std::string ask(ControlClient& daemon, std::size_t& hanging) {
        daemon.ask("status");
        const auto deadline = Clock::now() + answer_time;
        while (!daemon.over() && !interrupted() && Clock::now() < deadline) {
            while (const auto message = daemon.next(std::min(deadline, Clock::now() + look_interval))) {
                if (message->kind == "status") return message->text;
            }
        }
        if (!daemon.over() && !interrupted()) ++hanging;
        return "";
    }

    const StatusSettings& settings_;
    std::optional<HeldSignals> signals_;
    std::vector<ControlClient> daemons_;
};

std::string hanging_text(const StatusSettings& settings, std::size_t hanging) {
    return settings.mount_point ? "the daemon does not answer"
                                : std::to_string(hanging) + " of the daemons of this user do not answer";
}

std::string list_of(const std::vector<std::string>& json, std::string_view separator) {
    std::string list;
    for (const std::string& status : json) list.append(list.empty() ? "" : separator).append(status);
    return "[" + list + "]\n";
}

std::string blocks_of(const Answers& answers, RequestRates* rates) {
    std::string text;
    for (const std::string& json : answers.json)
        text += describe_status(json, rates != nullptr ? rates->look(json, Clock::now()) : std::nullopt);
    if (answers.json.empty() && answers.hanging == 0) text = "nothing is mounted\n";
    return text;
}

bool is_screen() {
    const char* const terminal = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

// Written over the text before it: each line clears what is left of the line below.
std::string drawn(const std::string& text, bool first) {
    std::string drawing = first ? "\x1b[H\x1b[2J" : "\x1b[H";
    for (const char character : text) {
        if (character == '\n') drawing += "\x1b[K";
        drawing += character;
    }
    return drawing + "\x1b[J";
}

int show_once(const StatusSettings& settings, Asking& asking) {
    const Answers answers = asking.ask_all();
    std::cout << (settings.json ? list_of(answers.json, ",\n ") : blocks_of(answers, nullptr)) << std::flush;
    if (answers.hanging > 0) throw Failure(exit_timed_out, hanging_text(settings, answers.hanging));
    return exit_ok;
}

int watch(const StatusSettings& settings, Asking& asking) {
    const bool redraws = !settings.json && is_screen();
    RequestRates rates;
    bool first = true;
    for (auto next = Clock::now();; first = false) {
        next = std::max(next + watch_interval, Clock::now());
        const Answers answers = asking.ask_all();
        if (asking.interrupted()) return exit_ok;
        const bool over = answers.json.empty() && answers.hanging == 0;
        if (settings.json) {
            if (!over || first) std::cout << list_of(answers.json, ", ");
        } else {
            std::string text = over && !first ? "not mounted any more\n" : blocks_of(answers, &rates);
            if (answers.hanging > 0) text += hanging_text(settings, answers.hanging) + "\n";
            if (redraws) {
                std::cout << drawn(text, first);
            } else {
                std::cout << (first ? "" : "\n") << text;
            }
        }
        std::cout << std::flush;
        if (over) return exit_ok;
        asking.wait_until(next);
        if (asking.interrupted()) return exit_ok;
    }
}

}  // namespace

int run_status(const StatusSettings& settings) {
    std::optional<Asking> asking;
    try {
        asking.emplace(settings);
    } catch (const std::exception&) {
        if (settings.json) std::cout << list_of({}, "") << std::flush;
        throw;
    }
    return settings.watch ? watch(settings, *asking) : show_once(settings, *asking);
}

}  // namespace demofs::app
