// `demofs mount`: checks what can be checked before a daemon exists, then runs the daemon.
#include <asyncdrop/install.hpp>
#include <asyncdrop/registry.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <optional>
#include <thread>

#include "demofs/app/background.hpp"
#include "demofs/app/commands.hpp"
#include "demofs/app/control_socket.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/history_id.hpp"
#include "demofs/app/mount_daemon.hpp"
#include "demofs/app/password.hpp"
#include "demofs/app/user_messages.hpp"
#include "demofs/app/vault.hpp"
#include "demofs/fuse/mount.hpp"
#include "demofs/fuse/mount_point.hpp"

namespace demofs::app {

namespace {

namespace files = std::filesystem;

bool is_inside(const std::string& inner, const std::string& outer) {
    return inner == outer ||
           (inner.starts_with(outer) && (outer.ends_with('/') || inner[outer.size()] == '/'));
}

// umount(2) returns before the daemon has saved everything, so the vault's last mount may be on its way down:
// that is waited for. One that is mounted is not.
void wait_for_teardown(const MountSettings& settings, const Notice& notice) {
    constexpr std::chrono::milliseconds pause(20);
    const auto give_up = std::chrono::steady_clock::now() + settings.wait;
    for (bool told = false;; told = true) {
        const bool locked = !settings.read_only && is_locked(settings.vault);
        if (!locked && !ControlClient::connect(settings.mount_point)) return;
        if (const auto mount = fuse::mount_of_vault(settings.vault); locked && mount) {
            throw Failure(exit_vault_in_use,
                          "the vault " + settings.vault + " is in use: it is mounted on " + mount->point);
        }
        if (std::chrono::steady_clock::now() >= give_up) {
            throw Failure(exit_vault_in_use,
                          "the vault " + settings.vault +
                              " is in use: its last mount is still saving, or has files open (" +
                              "--wait SECONDS waits longer)");
        }
        if (!told) notice("waiting until the last mount of " + settings.vault + " has saved everything");
        std::this_thread::sleep_for(pause);
    }
}

// The daemon changes its directory and cannot complain any more when it writes.
void make_writable(std::optional<std::string>& file, const std::string& what) {
    if (!file) return;
    require_writable(*file, what);
    file = files::absolute(*file).string();
}

// Settings with absolute paths that were checked.
MountSettings checked(MountSettings settings, const Notice& notice) {
    make_writable(settings.teardown_report, "the teardown report");
    make_writable(settings.teardown_trace, "the teardown trace");
    make_writable(settings.teardown_graph, "the teardown graph");
    if (settings.log.file) require_writable(*settings.log.file, "the log file");
    if (settings.mount_point.empty()) throw Failure(exit_usage, "the mount point needs a name");
    if (settings.history) static_cast<void>(history_id(*settings.history));
    settings.vault = vault_directory(settings.vault);
    failing_with(exit_no_fuse, [] { fuse::require_fuse(); });
    settings.mount_point = failing_with(exit_mount_point, [&] {
        bool cleaned_up = false;
        std::string directory = fuse::prepare_mount_point(settings.mount_point, cleaned_up);
        if (cleaned_up) notice("removed a dead mount from " + directory + " that a killed daemon had left");
        return directory;
    });
    if (is_inside(settings.vault, settings.mount_point) || is_inside(settings.mount_point, settings.vault)) {
        throw Failure(exit_mount_point, "the vault and its mount point must not lie in one another");
    }
    wait_for_teardown(settings, notice);
    return settings;
}

int run_daemon(const MountSettings& settings, ReadyNotice& ready, const Notice& notice) {
    ::signal(SIGPIPE, SIG_IGN);  // whoever reads the log may be gone
    asyncdrop::set_guard_registry(true);
    const auto logger = make_logger(settings.log, ready.in_background());
    log_reports_of_asyncdrop(logger);
    const crypto::VaultConfig config = read_config(settings.vault, notice);
    const std::unique_ptr<crypto::VaultKeys> keys =
        unlock(config, read_credential(settings.password, Prompt::once), notice);

    boost::asio::io_context context(1);
    asyncdrop::install(context);
    MountDaemon daemon(settings, *keys, *logger, ready, context.get_executor());
    std::exception_ptr failed;
    int code = exit_failure;
    boost::asio::co_spawn(context, daemon.run(), [&](const std::exception_ptr& error, int result) {
        failed = error;
        code = result;
    });
    context.run();
    if (failed) std::rethrow_exception(failed);
    return code;
}

}  // namespace

int run_mount(const MountSettings& settings) {
    const Notice notice = say_notice;
    const MountSettings ready_to_mount = checked(settings, notice);
    for (const std::string& fault : settings.store_faults)
        notice("this mount's store is made to misbehave (--store-fault " + fault +
               "): what it holds is at risk");
    const auto daemon = [&](ReadyNotice& ready) -> int {
        try {
            return run_daemon(ready_to_mount, ready, notice);
        } catch (const std::exception& error) {
            say_error(error.what());
            return exit_code_of(std::current_exception());
        }
    };
    if (!settings.foreground) return run_in_background(daemon);
    ReadyNotice nobody_waits;
    return daemon(nobody_waits);
}

}  // namespace demofs::app
