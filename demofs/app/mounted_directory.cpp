#include "demofs/app/mounted_directory.hpp"

#include <unistd.h>

#include <filesystem>

namespace demofs::app {

namespace {

// Without looking at the directory itself: a dead or hanging mount must not stop us.
std::string absolute_mount_point(const std::string& given) {
    namespace files = std::filesystem;
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

}  // namespace

MountedDirectory find_mounted(const std::string& directory) {
    MountedDirectory found;
    found.directory = absolute_mount_point(directory);
    found.mount = fuse::mounted_on(found.directory);
    // Root may look after what another user has mounted.
    const auto owner = found.mount && ::geteuid() == 0 ? std::optional(found.mount->owner) : std::nullopt;
    found.daemon = ControlClient::connect(found.directory, owner);
    return found;
}

}  // namespace demofs::app
