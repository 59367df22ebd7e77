// One mount from beginning to end: bring everything up, serve, tear everything down, report.
//
// Threads: the core. The daemon object outlives its coroutine.
#pragma once

#include <spdlog/logger.h>

#include <asyncdrop/box.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "demofs/app/background.hpp"
#include "demofs/app/commands.hpp"
#include "demofs/app/control_socket.hpp"
#include "demofs/app/unmount_triggers.hpp"
#include "demofs/app/vault_stack.hpp"
#include "demofs/crypto/keys.hpp"

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
    boost::asio::awaitable<void> bring_up();
    boost::asio::awaitable<int> serve_and_tear_down();
    boost::asio::awaitable<asyncdrop::TeardownReport> take_down();
    void deliver(const asyncdrop::TeardownReport& report, int code);
    void on_ready();
    void log_state();

    MountSettings settings_;
    const crypto::VaultKeys& keys_;
    spdlog::logger& logger_;
    ReadyNotice& ready_;
    boost::asio::any_io_executor executor_;
    Notice notice_;
    VaultStack stack_;
    asyncdrop::AsyncDropBox<UnmountTriggers> triggers_;
    asyncdrop::AsyncDropBox<ControlServer> control_;
    fs::Filesystem* filesystem_ = nullptr;
    WorkerPool* kernel_calls_ = nullptr;  // waits for the kernel, which waits for this daemon
    fuse::Session* session_ = nullptr;
};

}  // namespace demofs::app
