// mountinfo, statfs, umount2 and fusermount3.
#include "demofs/fuse/mount.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>
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

// The user in the options of a FUSE filesystem: "rw,user_id=1000,group_id=1000".
uid_t owner_in(const std::string& options) {
    constexpr std::string_view key = "user_id=";
    const std::size_t at = options.find(key);
    uid_t owner = 0;
    if (at != std::string::npos)
        std::from_chars(options.data() + at + key.size(), options.data() + options.size(), owner);
    return owner;
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
        std::string options;
        fields >> mount.type >> mount.source >> options;
        mount.owner = owner_in(options);
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

// Of what is on top there; 0 if the kernel does not know such numbers, or refuses.
std::uint64_t unique_id_at(const std::string& directory) {
    constexpr unsigned unique_mount_id = 0x4000;  // STATX_MNT_ID_UNIQUE, which glibc 2.36 does not know
    constexpr int ask_nobody = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW;
    struct statx answer{};
    if (::statx(AT_FDCWD, directory.c_str(), ask_nobody, unique_mount_id, &answer) != 0) return 0;
    return (answer.stx_mask & unique_mount_id) != 0 ? answer.stx_mnt_id : 0;
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

bool Mount::same_as(const Mount& other) const {
    if (unique_id != 0 && other.unique_id != 0 && unique_id != other.unique_id) return false;
    return id == other.id && device == other.device && type == other.type && source == other.source &&
           owner == other.owner;
}

std::optional<Mount> mounted_on(const std::string& directory) {
    std::optional<Mount> top =
        last_mount([&directory](const Mount& mount) { return mount.point == directory; });
    if (top) top->unique_id = unique_id_at(directory);
    return top;
}

std::optional<Mount> find_again(const Mount& wanted) {
    std::optional<Mount> found = last_mount([&wanted](const Mount& mount) { return mount.same_as(wanted); });
    if (!found) return found;
    // Its numbers can be another's by now; the unique one is that of what is on top.
    std::optional<Mount> top = mounted_on(found->point);
    if (!top || top->id != found->id) return found;
    if (!top->same_as(wanted)) return std::nullopt;
    return top;
}

std::vector<std::string> places_of(const std::string& device) {
    std::vector<std::string> places;
    for (const Mount& mount : all_mounts()) {
        if (mount.device == device) places.push_back(mount.point);
    }
    return places;
}

std::vector<std::string> places_below(const std::string& directory) {
    std::vector<std::string> places;
    for (const Mount& mount : all_mounts()) {
        if (mount.point.starts_with(directory + "/")) places.push_back(mount.point);
    }
    return places;
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
        const int how = mode == UnmountMode::normal ? 0
                        : mode == UnmountMode::lazy ? MNT_DETACH
                                                    : MNT_DETACH | MNT_FORCE;
        if (::umount2(directory.c_str(), UMOUNT_NOFOLLOW | how) == 0) return;
        if (errno == EBUSY) busy(directory);
        if (errno != EPERM) throw Error(errno, "could not unmount " + directory);
    }
    const auto [code, said] = mode == UnmountMode::normal
                                  ? run_program({"fusermount3", "-u", "--", directory})
                                  : run_program({"fusermount3", "-u", "-z", "--", directory});
    if (code == 0) return;
    if (said.find("busy") != std::string::npos) busy(directory);
    throw Error::saying(std::errc::operation_not_permitted, "could not unmount " + directory + ": " +
                                                                (said.empty() ? "fusermount3 failed" : said));
}

// The connection's number is that of the device, which "0:52" names as in /proc/self/mountinfo.
void abort_connection(const Mount& mount) {
    unsigned major_number = 0, minor_number = 0;
    char colon = 0;
    std::istringstream(mount.device) >> major_number >> colon >> minor_number;
    constexpr unsigned minor_bits = 20;
    const unsigned number = (major_number << minor_bits) | minor_number;
    const std::string control = "/sys/fs/fuse/connections/" + std::to_string(number) + "/abort";
    const int file = ::open(control.c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    if (::write(file, "1", 1) < 0) {
        // Closing the connection does the same, only not while a call of the kernel holds it.
    }
    ::close(file);
}

}  // namespace demofs::fuse
