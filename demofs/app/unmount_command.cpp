// `demofs unmount`: unmounts and waits until the daemon has saved everything and ended.
//
// umount(2) returns before a FUSE server has written its last data, so this command connects to the daemon
// first, unmounts, and then listens until the daemon's process is gone.
#include <filesystem>
#include <iostream>

#include "demofs/app/commands.hpp"
#include "demofs/app/control_socket.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/base/error.hpp"
#include "demofs/fuse/mount.hpp"

namespace demofs::app {

namespace {

// Without looking at the directory itself: a dead or hanging mount must not stop us.
std::string absolute_mount_point(const std::string& given) {
    namespace files = std::filesystem;
    std::error_code error;
    const std::string real = files::canonical(given, error).string();
    if (!error) return real;
    files::path path = files::absolute(given).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    const files::path parent = files::canonical(path.parent_path(), error);
    return error ? path.string() : (parent / path.filename()).string();
}

void unmount_or_fail(const fuse::Mount& mount, fuse::UnmountMode mode) {
    try {
        fuse::unmount(mount, mode);
    } catch (const Error& error) {
        const bool busy = error.code() == std::errc::device_or_resource_busy;
        throw Failure(
            busy ? exit_busy : exit_failure,
            error.what() + std::string(busy ? "; or use --lazy to unmount when they are done" : ""));
    }
}

// Shows what the daemon says until it has ended.
int wait_for(ControlClient& daemon, const std::string& directory) {
    const auto result = daemon.wait([](const std::string& kind, const std::string& text) {
        (kind == "report" ? std::cout : std::cerr) << text << std::endl;
    });
    if (!result) {
        throw Failure(exit_daemon_died,
                      "the daemon of " + directory +
                          " ended without a report. The vault holds everything up to its last commit.");
    }
    return *result;
}

}  // namespace

int run_unmount(const UnmountSettings& settings) {
    const std::string directory = absolute_mount_point(settings.mount_point);
    const auto mounted = fuse::mounted_on(directory);
    std::optional<ControlClient> daemon = ControlClient::connect(directory);
    if (!mounted && daemon) {
        std::cerr << "demofs: " << directory
                  << " is detached already; waiting until its open files are closed" << std::endl;
        return wait_for(*daemon, directory);
    }
    if (!mounted || mounted->type != "fuse.demofs") {
        throw Failure(exit_not_mounted, "no demofs filesystem is mounted on " + directory +
                                            (mounted ? " (but a " + mounted->type + ")" : std::string()));
    }
    if (!daemon && fuse::is_dead_mount(directory)) {
        unmount_or_fail(*mounted, fuse::UnmountMode::lazy);
        throw Failure(
            exit_daemon_died,
            "the daemon of " + directory +
                " had died; its dead mount is removed. The vault holds everything up to its last commit.");
    }
    unmount_or_fail(*mounted, settings.lazy ? fuse::UnmountMode::lazy : fuse::UnmountMode::normal);
    if (!daemon) {
        throw Failure(
            exit_failure,
            directory + " is unmounted, but its daemon belongs to another user and cannot be waited for");
    }
    return wait_for(*daemon, directory);
}

}  // namespace demofs::app
