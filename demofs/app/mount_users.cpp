// /proc, one process after the other.
#include "demofs/app/mount_users.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include "demofs/app/amount_text.hpp"

namespace demofs::app {

namespace {

constexpr std::size_t most_named = 8;

struct Device {
    unsigned major_number = 0;
    unsigned minor_number = 0;

    friend bool operator==(const Device&, const Device&) = default;
};

// mountinfo writes both numbers in decimal, maps in hexadecimal digits.
std::optional<Device> device_in(const std::string& text, int base) {
    Device device;
    const char* const end = text.data() + text.size();
    const auto [colon, error] = std::from_chars(text.data(), end, device.major_number, base);
    if (error != std::errc() || colon == end || *colon != ':') return std::nullopt;
    const auto [rest, failed] = std::from_chars(colon + 1, end, device.minor_number, base);
    if (failed != std::errc() || rest != end) return std::nullopt;
    return device;
}

// Where a link of /proc leads. An empty mask asks the filesystem for nothing.
std::optional<Device> device_behind(const std::string& link) {
    constexpr int ask_nobody = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
    struct statx answer{};
    if (::statx(AT_FDCWD, link.c_str(), ask_nobody, 0, &answer) != 0) return std::nullopt;
    return Device{answer.stx_dev_major, answer.stx_dev_minor};
}

std::vector<std::string> names_in(const std::string& folder) {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), &::closedir);
    std::vector<std::string> names;
    if (!stream) return names;
    while (const dirent* entry = ::readdir(stream.get())) {
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    return names;
}

std::string command_of(const std::string& process) {
    std::ifstream file(process + "comm");
    std::string name;
    std::getline(file, name);
    std::ranges::replace_if(
        name, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, '?');
    return name;
}

bool has_mapped(const std::string& process, const Device& device) {
    std::ifstream lines(process + "maps");
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields(line);
        std::string addresses, permissions, offset, number;
        fields >> addresses >> permissions >> offset >> number;
        if (device_in(number, 16) == device) return true;
    }
    return false;
}

std::vector<std::string> what_it_holds(const std::string& process, const Device& device) {
    std::vector<std::string> holds;
    std::size_t files = 0;
    for (const std::string& number : names_in(process + "fd")) {
        if (device_behind(process + "fd/" + number) == device) ++files;
    }
    if (files > 0) holds.push_back(count_text(files, "open file"));
    if (device_behind(process + "cwd") == device) holds.emplace_back("working directory");
    if (device_behind(process + "root") == device) holds.emplace_back("root directory");
    if (has_mapped(process, device)) holds.emplace_back("mapped file");
    return holds;
}

// Between the thread that looks and the one that waits for it, as long as it wants.
struct Search {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<MountUser> found;
    bool over = false;    // everything was looked at
    bool enough = false;  // nobody waits any more
};

void look_for_users(const std::shared_ptr<Search>& shared, const Device& device) {
    const std::string self = std::to_string(::getpid());
    for (const std::string& name : names_in("/proc")) {
        MountUser user;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), user.pid);
        if (error != std::errc() || end != name.data() + name.size() || name == self) continue;
        const std::string process = "/proc/" + name + "/";
        user.holds = what_it_holds(process, device);
        if (!user.holds.empty()) user.command = command_of(process);
        const std::lock_guard lock(shared->mutex);
        if (shared->enough) return;
        if (!user.holds.empty()) shared->found.push_back(std::move(user));
    }
    const std::lock_guard lock(shared->mutex);
    shared->over = true;
    shared->changed.notify_one();
}

}  // namespace

std::vector<MountUser> users_of(const std::string& device, std::chrono::milliseconds patience) {
    const std::optional<Device> wanted = device_in(device, 10);
    if (!wanted) return {};
    const auto shared = std::make_shared<Search>();
    std::thread([shared, wanted] { look_for_users(shared, *wanted); }).detach();
    std::unique_lock lock(shared->mutex);
    shared->changed.wait_for(lock, patience, [&shared] { return shared->over; });
    shared->enough = true;
    std::vector<MountUser> found = std::exchange(shared->found, {});
    std::ranges::sort(found, {}, &MountUser::pid);
    return found;
}

std::string describe_users(const std::vector<MountUser>& users) {
    std::string text;
    for (std::size_t i = 0; i < std::min(users.size(), most_named); ++i) {
        text += (text.empty() ? "" : ", ") + users[i].command + " (" + std::to_string(users[i].pid) + ":";
        for (std::size_t j = 0; j < users[i].holds.size(); ++j)
            text += (j == 0 ? " " : " and ") + users[i].holds[j];
        text += ")";
    }
    if (users.size() > most_named) text += " and " + std::to_string(users.size() - most_named) + " more";
    return text;
}

}  // namespace demofs::app
