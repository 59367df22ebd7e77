// What may be wrong with a directory to mount on, each with its remedy.
#include "demofs/fuse/mount_point.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "demofs/base/error.hpp"
#include "demofs/fuse/mount.hpp"

namespace demofs::fuse {

namespace {

namespace files = std::filesystem;

bool is_empty(const std::string& directory) {
    std::error_code error;
    const files::directory_iterator first(directory, error);
    if (error) throw Error(error, "the mount point " + directory + " cannot be listed");
    return first == files::directory_iterator{};
}

}  // namespace

std::string prepare_mount_point(const std::string& directory, bool& cleaned_up) {
    cleaned_up = false;
    std::error_code error;
    // Not canonical(): a dead mount cannot be looked into. Its parent can.
    files::path path = files::absolute(directory, error).lexically_normal();
    if (!path.has_filename() && path != path.root_path()) path = path.parent_path();
    const files::path parent = files::canonical(path.parent_path(), error);
    if (error) throw Error(error, "the directory of the mount point " + directory + " cannot be reached");
    const std::string absolute =
        path == path.root_path() ? path.string() : (parent / path.filename()).string();

    if (is_dead_mount(absolute)) {
        const auto dead = mounted_on(absolute);
        if (!dead) {
            throw Error::saying(
                std::errc::not_connected,
                "the mount point " + absolute + " lies in a dead mount; unmount that one first");
        }
        if (dead->type != "fuse.demofs") {
            throw Error::saying(std::errc::device_or_resource_busy,
                                absolute + " is the dead mount of another filesystem (" + dead->type +
                                    "); unmount it first: fusermount3 -u " + absolute);
        }
        unmount(*dead, UnmountMode::lazy);
        cleaned_up = true;
    }
    struct stat status{};
    if (::stat(absolute.c_str(), &status) != 0) {
        const int reason = errno;
        if (reason == ENOENT)
            throw Error::saying(
                std::errc::no_such_file_or_directory,
                "the mount point " + absolute + " does not exist; create it first: mkdir " + absolute);
        throw Error(reason, "the mount point " + absolute + " cannot be used");
    }
    const std::string real = files::canonical(absolute, error).string();
    if (error) throw Error(error, "the mount point " + absolute + " cannot be used");
    if (!S_ISDIR(status.st_mode))
        throw Error::saying(std::errc::not_a_directory, "the mount point " + real + " is not a directory");
    if (const auto mount = mounted_on(real)) {
        throw Error::saying(std::errc::device_or_resource_busy,
                            "the mount point " + real + " is busy: " + mount->source + " (" + mount->type +
                                ") is mounted there; unmount it first");
    }
    if (!is_empty(real)) {
        throw Error::saying(std::errc::directory_not_empty,
                            "the mount point " + real +
                                " is not empty; mounting would hide its files, so choose an empty directory");
    }
    if (::access(real.c_str(), W_OK) != 0) {
        throw Error(
            errno, "no permission to mount on " + real + "; a user must be able to write to the mount point");
    }
    return real;
}

void require_fuse() {
    const int device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0) {
        const int reason = errno;
        throw Error(reason,
                    reason == ENOENT || reason == ENODEV || reason == ENXIO
                        ? "/dev/fuse is missing: load the kernel module (modprobe fuse), or give the "
                          "container the device"
                        : "/dev/fuse cannot be opened: this user must be allowed to read and write it");
    }
    ::close(device);
    if (::geteuid() == 0) return;
    const char* path = std::getenv("PATH");
    std::istringstream folders(path ? path : "/usr/bin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (::access((folder + "/fusermount3").c_str(), X_OK) == 0) return;
    }
    throw Error::saying(
        std::errc::no_such_file_or_directory,
        "fusermount3 was not found: users other than root need it to mount; install the package fuse3");
}

}  // namespace demofs::fuse
