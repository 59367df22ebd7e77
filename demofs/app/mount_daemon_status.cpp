// What a running daemon says when it is asked: by SIGUSR1 into its log, or by `demofs status`.
#include <unistd.h>

#include <asyncdrop/registry.hpp>
#include <exception>
#include <optional>

#include "demofs/app/daemon_status.hpp"
#include "demofs/app/flush_outcome.hpp"
#include "demofs/app/mount_daemon.hpp"
#include "demofs/base/error.hpp"
#include "demofs/tree/commit_record.hpp"

namespace demofs::app {

namespace asio = boost::asio;

namespace {

std::chrono::seconds age_of(std::int64_t time_ns) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now - std::chrono::nanoseconds(time_ns));
}

}  // namespace

std::string MountDaemon::status() {
    DaemonStatus now;
    now.vault = settings_.vault;
    now.mount_point = settings_.mount_point;
    now.pid = ::getpid();
    now.read_only = settings_.read_only;
    switch (phase_) {
        case Phase::coming_up:
            now.state = "coming up";
            break;
        case Phase::mounted:
            now.state = "mounted";
            break;
        case Phase::unmounting:
            now.state = "unmounting";
            break;
        case Phase::tearing_down:
            now.state = "tearing down";
            break;
    }
    if (const auto oldest = stack_.operations().oldest())
        now.store_wait =
            DaemonStatus::StoreWait{operation_text(*oldest), SavingWatch::Clock::now() - oldest->begun};
    now.store_faults = settings_.store_faults;
    if (faults_) now.held_operations = faults_->held();
    if (phase_ == Phase::mounted || phase_ == Phase::unmounting) {
        now.device = session_->mounted().device;
        now.mounted_on = fuse::places_of(now.device);
        if (phase_ == Phase::mounted && now.mounted_on.empty()) now.state = "detached";
    }
    if (filesystem_ && session_) {
        now.requests = session_->requests();
        now.in_flight = session_->in_flight();
        DaemonStatus::Files files;
        files.open_handles = filesystem_->open_handles();
        files.unsaved = filesystem_->undurable_inodes().size();
        files.buffered = filesystem_->dirty_files();
        now.files = files;
        tree::Tree& tree = stack_.tree();
        DaemonStatus::Memory memory;
        memory.tree_bytes = tree.resident_bytes();
        memory.tree_dirty_bytes = tree.dirty_bytes();
        memory.unsaved_bytes = tree.blocks().unsynced_bytes();
        memory.cache_limit_bytes = settings_.cache_mib << 20;
        if (const tree::CommitRecord* last = tree.last_commit()) {
            memory.last_commit = raw(last->generation);
            memory.last_commit_age = age_of(last->time_ns);
        }
        now.memory = memory;
        now.storage_failure = tree.failure();
    }
    now.guards = asyncdrop::live_guards();
    if (phase_ == Phase::tearing_down) now.teardown = stack_.so_far();
    if (now.teardown) now.waiting_for = waiting_for(*now.teardown);
    return to_json(now);
}

asio::awaitable<std::string> MountDaemon::flush() {
    FlushOutcome outcome;
    // Not outlived by the session and what is below it.
    std::optional<asyncdrop::AsyncDropGate::Pass> pass;
    if (flushes_) pass = flushes_->try_enter("demofs unmount --flush");
    if (!pass || phase_ == Phase::coming_up) {
        outcome.going_down = true;
        co_return to_json(outcome);
    }
    fs::Filesystem& filesystem = *filesystem_;
    std::exception_ptr failed;
    try {
        auto taking_over = session_->take_over();
        co_await std::move(taking_over);
        if (filesystem_) {  // else the teardown has begun meanwhile, and waits for us
            outcome.files = count_files(filesystem.undurable_inodes());
            outcome.bytes = stack_.tree().blocks().unsynced_bytes() + stack_.tree().dirty_bytes();
        }
        auto syncing = filesystem.sync_all();
        const Result<fs::Nothing> synced = co_await std::move(syncing);
        if (!synced) {
            outcome.error = stack_.tree().failure();
            if (outcome.error.empty()) outcome.error = std::make_error_code(synced.error()).message();
        }
    } catch (...) {
        failed = std::current_exception();
    }
    if (failed) outcome.error = describe(failed);
    if (const tree::CommitRecord* last = stack_.tree().last_commit()) outcome.commit = raw(last->generation);
    co_return to_json(outcome);
}

void MountDaemon::log_state() {
    if (filesystem_ && session_) {
        logger_.info(
            "State: {} requests served, {} in flight, {} open handles, {} files with unwritten data, {} "
            "bytes "
            "not durable",
            session_->requests(), session_->in_flight(), filesystem_->open_handles(),
            filesystem_->dirty_files(), stack_.tree().blocks().unsynced_bytes());
    } else {
        logger_.info("State: going up or down");
    }
    if (const auto oldest = stack_.operations().oldest())
        logger_.info("The oldest operation of the store: {}, for {}", operation_text(*oldest),
                     age_text(oldest->begun));
    if (const auto going = stack_.so_far(); going && phase_ == Phase::tearing_down)
        logger_.info("The teardown waits for {}", waiting_for(*going));
    logger_.info("Live guards:\n{}", asyncdrop::live_guards_text());
}

}  // namespace demofs::app
