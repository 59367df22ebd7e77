// One mount from beginning to end: bring everything up, serve, tear everything down, report.
//
// It ends by itself once everything is saved. If the store does not answer any more it can give up: then it
// says what is not saved, and ends the process from inside, since threads that hang in the kernel can neither
// be joined nor dropped.
//
// Threads: the core. The daemon object outlives its coroutine.
#pragma once

#include <spdlog/logger.h>

#include <asyncdrop/box.hpp>
#include <asyncdrop/gate.hpp>
#include <asyncdrop/task.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "demofs/app/background.hpp"
#include "demofs/app/commands.hpp"
#include "demofs/app/control_socket.hpp"
#include "demofs/app/saving_watch.hpp"
#include "demofs/app/service_manager.hpp"
#include "demofs/app/unmount_outcome.hpp"
#include "demofs/app/unmount_triggers.hpp"
#include "demofs/app/vault_stack.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/crypto/keys.hpp"
#include "demofs/fs/filesystem.hpp"
#include "demofs/fuse/session.hpp"

namespace demofs::app {

class MountDaemon {
  public:
    /// `settings` has absolute paths; `keys`, `logger` and `ready` outlive run().
    MountDaemon(const MountSettings& settings, const crypto::VaultKeys& keys, spdlog::logger& logger,
                ReadyNotice& ready, boost::asio::any_io_executor executor);

    /// Returns the exit code once everything is torn down. Throws why the mount could not be brought up (also
    /// after the teardown).
    boost::asio::awaitable<int> run();

  private:
    // In this order. A mount that cannot be brought up goes from the first to the last.
    enum class Phase { coming_up, mounted, unmounting, tearing_down };

    boost::asio::awaitable<void> bring_up();
    boost::asio::awaitable<int> serve_and_tear_down();
    boost::asio::awaitable<asyncdrop::TeardownReport> take_down();
    boost::asio::awaitable<void> commit_last();
    boost::asio::awaitable<void> watch_saving(asyncdrop::TaskControl& control);
    boost::asio::awaitable<void> unmount(fuse::UnmountMode mode);
    TriggerActions trigger_actions();
    void on_ready();

    // --- going down: mount_daemon_end.cpp --------------------------------------------------------

    // What is to be saved, noted while there is somebody who knows.
    void note_unsaved();
    // Directories change with their files; people count files.
    std::size_t count_files(const std::vector<InodeNumber>& inodes);
    void enter(Phase phase);
    SavingState saving_state(const asyncdrop::TeardownReport& so_far);
    bool stuck() const;
    // Says when the store does not answer any more, and when it does again.
    void look_at_store();
    // What it has not answered for so long that it is worth telling; or empty.
    std::string store_wait() const;
    static std::string age_text(SavingWatch::Clock::time_point begun);
    [[noreturn]] void give_up(const std::string& cause);
    void deliver(const asyncdrop::TeardownReport& report, int code);
    void write_report(const std::optional<std::string>& file, const std::string& what,
                      const std::string& text);

    // --- what clients ask for meanwhile: mount_daemon_status.cpp ---------------------------------

    std::string status();
    // Makes everything that was written so far durable while the mount goes on.
    boost::asio::awaitable<std::string> flush();
    void log_state();

    MountSettings settings_;
    const crypto::VaultKeys& keys_;
    spdlog::logger& logger_;
    ReadyNotice& ready_;
    boost::asio::any_io_executor executor_;
    Notice notice_;
    ServiceManager manager_;
    std::shared_ptr<store::FaultPlan> faults_;  // null: none are injected
    VaultStack stack_;
    asyncdrop::AsyncDropBox<UnmountTriggers> triggers_;
    asyncdrop::AsyncDropBox<ControlServer> control_;
    asyncdrop::AsyncDropGuard<asyncdrop::AsyncDropTask> watcher_;  // of saving_
    Phase phase_ = Phase::coming_up;
    SavingWatch saving_;
    std::optional<SavingWatch::Clock::time_point> unanswered_since_;  // that was said
    UnmountOutcome outcome_;
    std::vector<InodeNumber> cut_off_;

    // Null, or nothing, before they are there, and from the teardown on.
    fs::Filesystem* filesystem_ = nullptr;
    WorkerPool* kernel_calls_ = nullptr;  // waits for the kernel, which waits for this daemon
    fuse::Session* session_ = nullptr;
    asyncdrop::AsyncDropGate* flushes_ = nullptr;
    std::function<void()> cut_connection_;  // of the session, also when that is gone
};

}  // namespace demofs::app
