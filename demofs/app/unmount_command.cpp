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
    Unmounting(const UnmountSettings& settings, MountedDirectory found)
        : settings_(settings), found_(std::move(found)), progress_(!settings.json) {
        if (settings.timeout) deadline_ = begun_ + *settings.timeout;
    }

    int run();

  private:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }
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
    std::vector<MountUser> users_;
    std::optional<std::string> flushed_;
    std::optional<std::string> outcome_;
    std::optional<int> result_;
};

// Looked for only now: whoever looks where a process is holds the mount for that moment.
void Unmounting::refuse(const Error& error) {
    progress_.clear();
    if (error.code() != std::errc::device_or_resource_busy) throw Failure(exit_failure, error.what());
    std::string why = error.what();
    users_ = users_of(found_.mount->device);
    if (const std::vector<std::string> inside = fuse::places_below(found_.directory); !inside.empty()) {
        why = found_.directory + " is in use: something is mounted inside, on " + list_of(inside) +
              "; unmount that first";
    } else if (!users_.empty()) {
        why = found_.directory + " is in use by " + describe_users(users_) + "; end what they do there";
    }
    throw Failure(exit_busy, why + ", or use --lazy to unmount when they are done");
}

int Unmounting::detach() {
    if (!found_.mount) return exit_ok;  // already
    try {
        fuse::unmount(*found_.mount, fuse::UnmountMode::lazy);
    } catch (const Error& error) {
        refuse(error);
    }
    std::cout << found_.directory
              << " is detached. Its daemon goes on until the last file there is closed and all is "
              << "saved; demofs unmount " << found_.directory << " waits for that." << std::endl;
    return exit_ok;
}

// As long as the daemon itself has nothing to tell, it waits for them.
void Unmounting::look_for_users() {
    if (used_device_.empty() || told_progress_) return;
    users_ = users_of(used_device_);
    progress_.show("waiting until its files are closed" +
                   (users_.empty() ? "" : ": in use by " + describe_users(users_)));
}

// The process ends here: the thread that unmounts cannot be stopped.
void Unmounting::time_out() {
    progress_.clear();
    std::cerr << "demofs: " << found_.directory << " is not saved and unmounted after "
              << settings_.timeout->count() << " s; it goes on"
              << (progress_.last().empty() ? "" : ": " + progress_.last()) << "\n"
              << "demofs: demofs status " << found_.directory << " tells more" << std::endl;
    std::_Exit(exit_timed_out);
}

// Takes what the daemon says until then.
void Unmounting::listen(Clock::time_point until) {
    while (const auto message = found_.daemon->next(until)) {
        if (message->kind == "progress") {
            told_progress_ = true;
            users_.clear();
            progress_.show(message->text);
        } else if (message->kind == "notice") {
            progress_.clear();
            std::cerr << "demofs: " << message->text << std::endl;
        } else if (message->kind == "flushed") {
            flushed_ = message->text;
            return;
        } else if (message->kind == "outcome") {
            outcome_ = message->text;
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
    while (!flushed_ && !result_ && !found_.daemon->over()) {
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
    if (!flushed_) return;  // it ended meanwhile: that has an outcome of its own
    const FlushOutcome flushed = parse_flush_outcome(*flushed_);
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
    if (!result_ || !outcome_) {
        throw Failure(exit_daemon_died,
                      "the daemon of " + found_.directory +
                          " ended without a report. The vault holds everything up to its last commit.");
    }
    if (settings_.json) {
        std::cout << outcome_for_programs(*outcome_, seconds(), flushed_) << std::endl;
        return *result_;
    }
    const OutcomeText text = describe_outcome(*outcome_, seconds());
    std::ostream& out = *result_ == exit_ok ? std::cout : std::cerr;
    if (settings_.verbose || *result_ != exit_ok) out << text.timeline;
    for (const std::string& line : text.details) out << line << '\n';
    out << text.summary << std::endl;
    return *result_;
}

int Unmounting::run() {
    if (settings_.flush) flush();
    if (settings_.lazy) return detach();
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
        std::cerr << "demofs: " << found_.directory
                  << " is detached already; waiting until its open files are closed"
                  << (users_.empty() ? "" : ", which are in use by " + describe_users(users_)) << std::endl;
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
    MountedDirectory found = find_mounted(settings.mount_point);
    const std::string& directory = found.directory;
    if (!found.mount && found.daemon) {
        return Unmounting(settings, std::move(found)).run();
    }
    if (!found.mount || found.mount->type != "fuse.demofs") {
        throw Failure(exit_not_mounted,
                      "no demofs filesystem is mounted on " + directory +
                          (found.mount ? " (but a " + found.mount->type + ")" : std::string()));
    }
    if (!found.daemon && fuse::is_dead_mount(directory)) {
        fuse::unmount(*found.mount, fuse::UnmountMode::lazy);
        throw Failure(
            exit_daemon_died,
            "the daemon of " + directory +
                " had died; its dead mount is removed. The vault holds everything up to its last commit.");
    }
    return Unmounting(settings, std::move(found)).run();
}

}  // namespace demofs::app
