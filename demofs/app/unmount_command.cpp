// `demofs unmount`: unmounts and waits until the daemon has saved everything and ended.
//
// umount(2) returns before a FUSE server has written its last data, so this command connects to the daemon
// first, unmounts, and then listens until the daemon's process is gone. Unmounting itself waits for the
// kernel, which waits for the daemon, which may wait for a store that does not answer: so it has a thread of
// its own, which a time-out leaves behind.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "demofs/app/commands.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/flush_outcome.hpp"
#include "demofs/app/mount_users.hpp"
#include "demofs/app/mounted_directory.hpp"
#include "demofs/app/unmount_outcome.hpp"
#include "demofs/app/user_messages.hpp"
#include "demofs/base/error.hpp"

namespace demofs::app {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_interval(100);
constexpr std::chrono::seconds quiet_time(2);  // what takes no longer needs no word

// What is going on, in one line of the terminal that is written over and over. Elsewhere nothing: a script wants
// the end.
class ProgressLine {
  public:
    explicit ProgressLine(bool wanted) : wanted_(wanted && ::isatty(STDERR_FILENO) == 1) {}
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    ~ProgressLine() { clear(); }

    void show(const std::string& text) {
        last_ = text;
        const Clock::time_point now = Clock::now();
        if (!wanted_ || now - shown_ < quiet_time) return;
        std::cerr << "\r\033[K" << text << std::flush;
        drawn_ = true;
        shown_ = now - quiet_time + look_interval;
    }
    void clear() {
        if (std::exchange(drawn_, false)) std::cerr << "\r\033[K" << std::flush;
    }
    const std::string& last() const { return last_; }

  private:
    bool wanted_;
    bool drawn_ = false;
    Clock::time_point shown_ = Clock::now();
    std::string last_;
};

std::string list_of(const std::vector<std::string>& places) {
    std::string list;
    for (const std::string& place : places) list += (list.empty() ? "" : ", ") + place;
    return list;
}

class Unmounting {
  public:
    explicit Unmounting(const UnmountSettings& settings) : settings_(settings), progress_(!settings.json) {
        answer_.mount_point = settings.mount_point;
        if (settings.timeout) deadline_ = begun_ + *settings.timeout;
    }

    // With --json, standard output gets one object however it ends, also if this throws; standard error gets the
    // same as without it, but for progress.
    int run();

  private:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }
    int unmount_and_wait();
    void require_mounted();
    void say(const std::string& notice);
    void print_answer(int code, const std::string& error);
    void flush();
    int detach();
    void unmount();
    void listen(Clock::time_point until);
    void look_for_users();
    void require_nowhere_else();
    int conclude();
    [[noreturn]] void refuse(const Error& error);
    [[noreturn]] void time_out();

    const UnmountSettings& settings_;
    MountedDirectory found_;
    ProgressLine progress_;
    bool told_progress_ = false;  // by the daemon
    Clock::time_point begun_ = Clock::now();
    Clock::time_point deadline_ = Clock::time_point::max();
    std::string used_device_;  // of a mount that is detached and in use: its users are waited for
    std::optional<int> result_;
    UnmountAnswer answer_;  // as far as it is known
};

void Unmounting::say(const std::string& notice) {
    progress_.clear();
    answer_.notices.push_back(notice);
    say_notice(notice);
}

void Unmounting::print_answer(int code, const std::string& error) {
    if (!settings_.json) return;
    answer_.code = code;
    answer_.error = error;
    answer_.seconds = seconds();
    std::cout << to_json(answer_) << std::endl;
}

// Looked for only now: whoever looks where a process is holds the mount for that moment.
void Unmounting::refuse(const Error& error) {
    progress_.clear();
    if (error.code() != std::errc::device_or_resource_busy) throw Failure(exit_failure, error.what());
    std::string why = error.what();
    answer_.users = users_of(found_.mount->device);
    if (const std::vector<std::string> inside = fuse::places_below(found_.directory); !inside.empty()) {
        why = found_.directory + " is in use: something is mounted inside, on " + list_of(inside) +
              "; unmount that first";
    } else if (!answer_.users.empty()) {
        why =
            found_.directory + " is in use by " + describe_users(answer_.users) + "; end what they do there";
    }
    throw Failure(exit_busy, why + ", or use --lazy to unmount when they are done");
}

int Unmounting::detach() {
    answer_.detached = true;
    if (!found_.mount) return exit_ok;  // already
    try {
        fuse::unmount(*found_.mount, fuse::UnmountMode::lazy);
    } catch (const Error& error) {
        answer_.detached = false;
        refuse(error);
    }
    if (settings_.json) return exit_ok;
    std::cout << found_.directory
              << " is detached. Its daemon goes on until the last file there is closed and all is "
              << "saved; demofs unmount " << found_.directory << " waits for that." << std::endl;
    return exit_ok;
}

// As long as the daemon itself has nothing to tell, it waits for them.
void Unmounting::look_for_users() {
    if (used_device_.empty() || told_progress_) return;
    answer_.users = users_of(used_device_);
    progress_.show("waiting until its files are closed" +
                   (answer_.users.empty() ? "" : ": in use by " + describe_users(answer_.users)));
}

// The process ends here: the thread that unmounts cannot be stopped.
void Unmounting::time_out() {
    progress_.clear();
    const std::string sentence = found_.directory + " is not saved and unmounted after " +
                                 std::to_string(settings_.timeout->count()) + " s; it goes on" +
                                 (progress_.last().empty() ? "" : ": " + progress_.last());
    print_answer(exit_timed_out, sentence);
    say_error(sentence);
    say_error("demofs status " + found_.directory + " tells more");
    std::_Exit(exit_timed_out);
}

// Takes what the daemon says until then.
void Unmounting::listen(Clock::time_point until) {
    while (const auto message = found_.daemon->next(until)) {
        if (message->kind == "progress") {
            told_progress_ = true;
            answer_.users.clear();
            progress_.show(message->text);
        } else if (message->kind == "notice") {
            say(message->text);
        } else if (message->kind == "flushed") {
            answer_.flushed = message->text;
            return;
        } else if (message->kind == "outcome") {
            answer_.outcome = message->text;
        } else if (message->kind == "result") {
            result_ = std::atoi(message->text.c_str());
            return;
        }
    }
}

// While the mount is still there: what cannot be saved is not lost yet, since programs can still read it.
void Unmounting::flush() {
    if (!found_.daemon) {
        throw Failure(exit_failure, "the daemon of " + found_.directory +
                                        " belongs to another user and cannot be asked to save anything; "
                                        "nothing was unmounted");
    }
    found_.daemon->ask("flush");
    while (!answer_.flushed && !result_ && !found_.daemon->over()) {
        if (Clock::now() >= deadline_) {
            progress_.clear();
            throw Failure(exit_timed_out, found_.directory + " is not saved after " +
                                              std::to_string(settings_.timeout->count()) +
                                              " s, so it stays mounted; the daemon goes on saving");
        }
        progress_.show("saving what was written so far");
        listen(std::min(deadline_, Clock::now() + look_interval));
    }
    progress_.clear();
    if (!answer_.flushed) return;  // it ended meanwhile: that has an outcome of its own
    const FlushOutcome flushed = parse_flush_outcome(*answer_.flushed);
    if (!flushed.error.empty()) {
        throw Failure(exit_not_saved,
                      "not everything could be saved, so " + found_.directory +
                          " stays mounted and what it holds can still be copied: " + flushed.error);
    }
    if (!settings_.json && !flushed.going_down) std::cout << describe_flush(flushed) << std::endl;
}

void Unmounting::unmount() {
    std::promise<void> done;
    std::future<void> unmounted = done.get_future();
    std::thread([mount = *found_.mount, promise = std::move(done)]() mutable {
        try {
            fuse::unmount(mount, fuse::UnmountMode::normal);
            promise.set_value();
        } catch (...) {
            promise.set_exception(std::current_exception());
        }
    }).detach();
    while (unmounted.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
        if (Clock::now() >= deadline_) time_out();
        if (result_ || !found_.daemon || found_.daemon->over()) {
            unmounted.wait_for(look_interval);
        } else {
            listen(Clock::now() + std::chrono::milliseconds(5));
        }
    }
    try {
        unmounted.get();
    } catch (const Error& error) {
        refuse(error);
    }
}

// A filesystem that was bound to another place lives on there, and its daemon with it.
void Unmounting::require_nowhere_else() {
    if (result_ || fuse::places_of(found_.mount->device).empty()) return;
    const std::vector<std::string> places =
        found_.elsewhere();  // the number may be another filesystem's by now
    if (places.empty()) return;
    progress_.clear();
    throw Failure(exit_busy, found_.directory + " is unmounted, but the vault is mounted on " +
                                 list_of(places) + " as well, and goes on until that is unmounted");
}

int Unmounting::conclude() {
    progress_.clear();
    if (!result_ || !answer_.outcome) {
        throw Failure(exit_daemon_died,
                      "the daemon of " + found_.directory +
                          " ended without a report. The vault holds everything up to its last commit.");
    }
    const OutcomeText text = describe_outcome(*answer_.outcome, seconds());
    print_answer(*result_, *result_ == exit_ok ? "" : text.summary);
    if (settings_.json && *result_ == exit_ok) return *result_;
    std::ostream& out = *result_ == exit_ok ? std::cout : std::cerr;
    if (settings_.verbose || *result_ != exit_ok) out << text.timeline;
    for (const std::string& line : text.details) out << line << '\n';
    out << text.summary << std::endl;
    return *result_;
}

void Unmounting::require_mounted() {
    if (!found_.mount && found_.daemon) return;  // it is detached
    const std::string& directory = found_.directory;
    if (!found_.mount || found_.mount->type != "fuse.demofs") {
        throw Failure(exit_not_mounted,
                      "no demofs filesystem is mounted on " + directory +
                          (found_.mount ? " (but a " + found_.mount->type + ")" : std::string()));
    }
    if (!found_.daemon && fuse::is_dead_mount(directory)) {
        fuse::unmount(*found_.mount, fuse::UnmountMode::lazy);
        throw Failure(
            exit_daemon_died,
            "the daemon of " + directory +
                " had died; its dead mount is removed. The vault holds everything up to its last commit.");
    }
}

int Unmounting::run() {
    try {
        found_ = find_mounted(settings_.mount_point);
        answer_.mount_point = found_.directory;
        require_mounted();
        if (settings_.flush) flush();
        if (!settings_.lazy) return unmount_and_wait();
        const int code = detach();
        print_answer(code, "");
        return code;
    } catch (const std::exception& error) {
        print_answer(exit_code_of(std::current_exception()), error.what());
        throw;
    }
}

int Unmounting::unmount_and_wait() {
    if (found_.mount) {
        unmount();
        if (!found_.daemon) {
            throw Failure(exit_failure, found_.directory +
                                            " is unmounted, but its daemon belongs to another user and "
                                            "cannot be waited for");
        }
        require_nowhere_else();
    } else {
        const std::optional<ServedFilesystem> served = found_.served();
        if (served && !served->mounted_on.empty()) {
            throw Failure(exit_not_mounted, found_.directory +
                                                " is not where the vault is mounted any more: that is on " +
                                                list_of(served->mounted_on));
        }
        if (served) used_device_ = served->device;
        look_for_users();
        say(found_.directory + " is detached already; waiting until its open files are closed" +
            (answer_.users.empty() ? "" : ", which are in use by " + describe_users(answer_.users)));
    }
    while (!result_ && !found_.daemon->over()) {
        look_for_users();
        if (Clock::now() >= deadline_) time_out();
        listen(std::min(deadline_, Clock::now() + quiet_time));
    }
    // The vault is free when the process has ended. One that has given up may hang in the kernel.
    while (result_ != std::optional<int>(exit_timed_out) &&
           !found_.daemon->wait_for_end(std::min(deadline_, Clock::now() + quiet_time))) {
        if (Clock::now() >= deadline_) time_out();
    }
    return conclude();
}

}  // namespace

int run_unmount(const UnmountSettings& settings) {
    return Unmounting(settings).run();
}

}  // namespace demofs::app
