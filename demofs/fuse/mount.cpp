// mountinfo, statfs, umount2 and fusermount3.
#include "demofs/fuse/mount.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "demofs/base/error.hpp"

extern char** environ;

namespace demofs::fuse {

namespace {

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

// All mounts of this namespace; later ones lie on top of earlier ones.
std::vector<Mount> all_mounts() {
    std::ifstream lines("/proc/self/mountinfo");
    std::vector<Mount> mounts;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields(line);
        std::string parent, root, word;
        Mount mount;
        fields >> mount.id >> parent >> mount.device >> root >> mount.point;
        while (fields >> word && word != "-") {
        }
        fields >> mount.type >> mount.source;
        mount.point = unescape(mount.point);
        mount.source = unescape(mount.source);
        mounts.push_back(std::move(mount));
    }
    return mounts;
}

template <class Condition>
std::optional<Mount> last_mount(Condition condition) {
    std::optional<Mount> found;
    for (Mount& mount : all_mounts()) {
        if (condition(mount)) found = std::move(mount);
    }
    return found;
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

}  // namespace

std::optional<Mount> mounted_on(const std::string& directory) {
    return last_mount([&directory](const Mount& mount) { return mount.point == directory; });
}

std::optional<Mount> find_again(const Mount& wanted) {
    return last_mount([&wanted](const Mount& mount) { return mount.same_as(wanted); });
}

std::optional<Mount> mount_of_vault(const std::string& vault) {
    return last_mount(
        [&vault](const Mount& mount) { return mount.type == "fuse.demofs" && mount.source == vault; });
}

bool is_dead_mount(const std::string& directory) {
    // statfs asks the daemon; stat would be answered from the kernel's cache even after its death.
    struct statfs answer{};
    return ::statfs(directory.c_str(), &answer) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

void unmount(const Mount& mount, UnmountMode mode) {
    const std::optional<Mount> now = find_again(mount);
    if (!now) return;
    const std::string& directory = now->point;
    if (const auto top = mounted_on(directory); top && !top->same_as(mount)) {
        throw Error::saying(
            std::errc::operation_not_permitted,
            directory + " cannot be unmounted: another filesystem (" + top->type + ") is mounted over it");
    }
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
