#include "demofs/app/mounted_directory.hpp"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <utility>

#include "demofs/app/failure.hpp"

namespace demofs::app {

namespace {

// Without looking at the directory itself: a dead or hanging mount must not stop us.
std::string absolute_mount_point(const std::string& given) {
    namespace files = std::filesystem;
    if (given.empty()) throw Failure(exit_usage, "the directory that a vault is mounted on needs a name");
    std::error_code error;
    files::path path = files::absolute(given).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    const files::path parent = files::canonical(path.parent_path(), error);
    const std::string as_named = error ? path.string() : (parent / path.filename()).string();
    if (fuse::mounted_on(as_named) || ControlClient::connect(as_named)) return as_named;
    // Nothing of ours is there: perhaps a symbolic link leads to it.
    const std::string real = files::canonical(given, error).string();
    return error ? as_named : real;
}

// What the daemon says at once; nothing if it does not answer. Messages that come before are gone.
std::optional<ServedFilesystem> ask(ControlClient& daemon) {
    const auto deadline = ControlClient::Clock::now() + std::chrono::seconds(2);
    daemon.ask("status");
    while (const auto message = daemon.next(deadline)) {
        if (message->kind == "status") return served_filesystem(message->text);
    }
    return std::nullopt;
}

// Each daemon's socket has the name of the place that it was to mount on.
std::optional<ControlClient> connect_by_device(const std::string& device, std::optional<uid_t> owner) {
    for (ControlClient& asked : ControlClient::connect_all(owner)) {
        const std::optional<ServedFilesystem> served = ask(asked);
        if (served && served->device == device) return std::move(asked);
    }
    return std::nullopt;
}

}  // namespace

std::optional<ServedFilesystem> MountedDirectory::served() const {
    std::optional<ControlClient> asked = ControlClient::connect(directory, owner);
    if (!asked && mount) asked = connect_by_device(mount->device, owner);
    return asked ? ask(*asked) : std::nullopt;
}

std::vector<std::string> MountedDirectory::elsewhere() const {
    std::vector<std::string> places;
    if (auto now = served()) places = std::move(now->mounted_on);
    std::erase(places, directory);
    return places;
}

MountedDirectory find_mounted(const std::string& directory) {
    MountedDirectory found;
    found.directory = absolute_mount_point(directory);
    found.mount = fuse::mounted_on(found.directory);
    // Root may look after what another user has mounted.
    found.owner = found.mount && ::geteuid() == 0 ? std::optional(found.mount->owner) : std::nullopt;
    found.daemon = ControlClient::connect(found.directory, found.owner);
    if (!found.daemon && found.mount && found.mount->type == "fuse.demofs")
        found.daemon = connect_by_device(found.mount->device, found.owner);
    return found;
}

}  // namespace demofs::app
