// Every folder is opened first and examined afterwards, through its descriptor: what a name leads to may
// change in between.
#include "demofs/app/runtime_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>

#include "demofs/base/error.hpp"

namespace demofs::app {

namespace {

constexpr const char* folder_name = "demofs";
constexpr std::chrono::milliseconds look_again(5);  // whether the folder is locked still
constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;

std::string prefix_of(uid_t user) {
    return std::string(folder_name) + "-" + std::to_string(user) + "-";
}

// The folder, if it is one, is the user's, and nobody else may do what `forbidden` says.
std::optional<store::FileDescriptor> open_if_own(const std::string& path, uid_t user, mode_t forbidden) {
    store::FileDescriptor opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (!opened || ::fstat(opened.get(), &status) != 0) return std::nullopt;
    if (status.st_uid != user || (status.st_mode & forbidden) != 0) return std::nullopt;
    return opened;
}

std::optional<RuntimeFolder> open_private(const std::string& path, uid_t user) {
    auto opened = open_if_own(path, user, S_IRWXG | S_IRWXO);
    if (!opened) return std::nullopt;
    return RuntimeFolder(std::move(*opened), path);
}

std::vector<std::string> names_in(int folder) {
    // A descriptor of its own: the position in the folder is the stream's.
    store::FileDescriptor opened(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(opened ? ::fdopendir(opened.get()) : nullptr,
                                                     &::closedir);
    std::vector<std::string> names;
    if (!stream) return names;
    opened.release();  // the stream closes it
    while (const dirent* entry = ::readdir(stream.get())) {
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    return names;
}

// Folders that an earlier daemon has made where all can write.
void add_temporary(const RuntimePlaces& places, std::vector<RuntimeFolder>& found) {
    for (const std::string& place : places.shared) {
        const store::FileDescriptor shared(::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!shared) continue;
        for (const std::string& name : names_in(shared.get())) {
            if (!name.starts_with(prefix_of(places.user))) continue;
            if (auto folder = open_private(place + "/" + name, places.user))
                found.push_back(std::move(*folder));
        }
    }
}

std::string list_of(const RuntimePlaces& places) {
    std::string text;
    for (const auto* folders : {&places.own, &places.shared}) {
        for (const std::string& folder : *folders) text += (text.empty() ? "" : ", ") + folder;
    }
    return text;
}

// An absolute path; relative ones are to be ignored (XDG Base Directory Specification 0.8, "Basics").
const char* folder_of_environment(const char* variable) {
    const char* const value = std::getenv(variable);
    return value && value[0] == '/' ? value : nullptr;
}

}  // namespace

RuntimePlaces RuntimePlaces::of(uid_t user) {
    RuntimePlaces places;
    places.user = user;
    places.shared = {"/tmp", "/var/tmp"};
    const bool own_environment = ::geteuid() == user;
    if (user == 0) {
        places.own = {"/run"};
    } else {
        const char* const given = own_environment ? folder_of_environment("XDG_RUNTIME_DIR") : nullptr;
        if (given) places.own.emplace_back(given);
        places.own.push_back("/run/user/" + std::to_string(user));
    }
    const char* const given = own_environment ? folder_of_environment("TMPDIR") : nullptr;
    if (given && std::ranges::find(places.shared, given) == places.shared.end())
        places.shared.emplace_back(given);
    return places;
}

// Through the descriptor: the folder's own path may be longer than the 107 bytes of an address.
std::string RuntimeFolder::path_of(const std::string& name) const {
    return "/proc/self/fd/" + std::to_string(descriptor_.get()) + "/" + name;
}

std::vector<std::string> RuntimeFolder::entries() const {
    return names_in(descriptor_.get());
}

bool RuntimeFolder::lock(std::chrono::milliseconds patience) const {
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR)) {
        if (std::chrono::steady_clock::now() >= give_up) {
            throw Error(std::errc::timed_out,
                        "another process keeps " + path_ +
                            " locked: a demofs daemon of yours that is stopped, perhaps; continue or end it");
        }
        std::this_thread::sleep_for(look_again);
    }
    struct stat status{};
    return ::fstat(descriptor_.get(), &status) == 0 && status.st_nlink != 0;
}

void RuntimeFolder::unlock() const {
    ::flock(descriptor_.get(), LOCK_UN);
}

void RuntimeFolder::remove_if_empty() const {
    ::rmdir(path_.c_str());
}

std::vector<RuntimeFolder> runtime_folders(const RuntimePlaces& places) {
    std::vector<RuntimeFolder> found;
    for (const std::string& place : places.own) {
        if (!open_if_own(place, places.user, writable_by_others)) continue;
        if (auto folder = open_private(place + "/" + folder_name, places.user))
            found.push_back(std::move(*folder));
    }
    add_temporary(places, found);
    return found;
}

RuntimeFolder make_runtime_folder(const RuntimePlaces& places) {
    for (const std::string& place : places.own) {
        if (!open_if_own(place, places.user, writable_by_others)) continue;
        const std::string path = place + "/" + folder_name;
        if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) continue;
        if (auto folder = open_private(path, places.user)) return std::move(*folder);
    }
    std::vector<RuntimeFolder> temporary;
    add_temporary(places, temporary);
    if (!temporary.empty()) return std::move(temporary.front());
    int reason = ENOENT;
    for (const std::string& place : places.shared) {
        std::string path = place + "/" + prefix_of(places.user) + "XXXXXX";
        if (::mkdtemp(path.data())) {
            if (auto folder = open_private(path, places.user)) return std::move(*folder);
        }
        reason = errno;
    }
    throw Error(reason, "the folder for the control socket can be made in none of " + list_of(places) +
                            "; set XDG_RUNTIME_DIR to a folder that only you can write to");
}

}  // namespace demofs::app
