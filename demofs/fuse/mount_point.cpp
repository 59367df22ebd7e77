// Everything about mounting that goes on outside the connection: mountinfo, statfs, umount2 and fusermount3.
#include "demofs/fuse/mount_point.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "demofs/base/error.hpp"

extern char** environ;

namespace demofs::fuse {

namespace {

namespace files = std::filesystem;

// mountinfo writes blanks and backslashes as three octal digits.
std::string unescape(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            out += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

// Runs a program to its end; returns its exit code and what it wrote to stderr.
std::pair<int, std::string> run_program(std::vector<std::string> words) {
    std::array<int, 2> pipe_ends{};
    if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) throw Error(errno, "could not make a pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe_ends[1]);
    std::string said;
    if (failed == 0) {
        std::array<char, 512> buffer{};
        ssize_t n = 0;
        while ((n = ::read(pipe_ends[0], buffer.data(), buffer.size())) > 0 || (n < 0 && errno == EINTR)) {
            if (n > 0) said.append(buffer.data(), static_cast<std::size_t>(n));
        }
    }
    ::close(pipe_ends[0]);
    if (failed != 0) throw Error(failed, "could not start " + words[0] + "; install the package fuse3");
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    while (!said.empty() && said.back() == '\n') said.pop_back();
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, said};
}

[[noreturn]] void busy(const std::string& directory) {
    throw Error::saying(
        std::errc::device_or_resource_busy,
        directory + " is in use: a process has a file open or its working directory there (fuser -vm " +
            directory + " lists them)");
}

bool is_empty(const std::string& directory) {
    std::error_code error;
    const files::directory_iterator first(directory, error);
    if (error) throw Error(error, "the mount point " + directory + " cannot be listed");
    return first == files::directory_iterator{};
}

}  // namespace

std::optional<MountedFilesystem> mounted_on(const std::string& directory) {
    std::ifstream mounts("/proc/self/mountinfo");
    std::optional<MountedFilesystem> found;
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream fields(line);
        std::string id, parent, device, root, point, word;
        fields >> id >> parent >> device >> root >> point;
        if (unescape(point) != directory) continue;
        while (fields >> word && word != "-") {
        }
        MountedFilesystem mount;
        fields >> mount.type >> mount.source;
        mount.source = unescape(mount.source);
        found = mount;  // later lines lie on top
    }
    return found;
}

bool is_dead_mount(const std::string& directory) {
    // statfs asks the daemon; stat would be answered from the kernel's cache even after its death.
    struct statfs answer{};
    return ::statfs(directory.c_str(), &answer) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

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
        if (dead && dead->type != "fuse.demofs") {
            throw Error::saying(std::errc::device_or_resource_busy,
                                absolute + " is the dead mount of another filesystem (" + dead->type +
                                    "); unmount it first: fusermount3 -u " + absolute);
        }
        unmount(absolute, UnmountMode::lazy);
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
    const std::string real = files::canonical(absolute).string();
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

void unmount(const std::string& directory, UnmountMode mode) {
    if (::geteuid() == 0) {
        if (::umount2(directory.c_str(), UMOUNT_NOFOLLOW | (mode == UnmountMode::lazy ? MNT_DETACH : 0)) == 0)
            return;
        if (errno == EBUSY) busy(directory);
        if (errno != EPERM) throw Error(errno, "could not unmount " + directory);
    }
    const auto [code, said] = mode == UnmountMode::lazy
                                  ? run_program({"fusermount3", "-u", "-z", "--", directory})
                                  : run_program({"fusermount3", "-u", "--", directory});
    if (code == 0) return;
    if (said.find("busy") != std::string::npos) busy(directory);
    throw Error::saying(std::errc::operation_not_permitted, "could not unmount " + directory + ": " +
                                                                (said.empty() ? "fusermount3 failed" : said));
}

}  // namespace demofs::fuse
