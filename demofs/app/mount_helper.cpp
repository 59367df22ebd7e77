#include "demofs/app/mount_helper.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "demofs/app/failure.hpp"

namespace demofs::app {

namespace {

// For mount(8), the kernel or systemd; FUSE mounts of other users than root are nosuid and nodev anyway.
bool is_for_others(std::string_view name) {
    constexpr std::array<std::string_view, 26> names{
        "defaults",   "rw",       "auto",       "noauto",      "user",    "nouser",  "users",
        "group",      "owner",    "nofail",     "_netdev",     "dev",     "nodev",   "suid",
        "nosuid",     "exec",     "noexec",     "async",       "atime",   "noatime", "diratime",
        "nodiratime", "relatime", "norelatime", "strictatime", "lazytime"};
    return std::find(names.begin(), names.end(), name) != names.end() || name.starts_with("x-") ||
           name.starts_with("comment=") || name.starts_with("X-");
}

void append_options(const std::string& list, std::vector<std::string>& arguments) {
    std::istringstream options(list);
    for (std::string option; std::getline(options, option, ',');) {
        if (option.empty() || is_for_others(option)) continue;
        const std::size_t end = std::min(option.find('='), option.size());
        std::string name = option.substr(0, end);
        std::replace(name.begin(), name.end(), '_', '-');
        if (name == "ro") name = "read-only";
        arguments.push_back("--" + name + option.substr(end));
    }
}

}  // namespace

std::optional<std::vector<std::string>> helper_arguments(const std::string& program,
                                                         const std::vector<std::string>& given) {
    const std::string name = std::filesystem::path(program).filename().string();
    if (name != "mount.demofs" && name != "mount.fuse.demofs") return std::nullopt;
    std::vector<std::string> arguments{"mount"};
    std::vector<std::string> places;
    for (std::size_t at = 0; at < given.size(); ++at) {
        const std::string& word = given[at];
        if (word == "-o" || word == "-t" || word == "-N") {
            if (++at == given.size()) throw Failure(exit_usage, "the option " + word + " needs a value");
            if (word == "-N") throw Failure(exit_usage, "another mount namespace (-N) is not supported");
            if (word == "-o") append_options(given[at], arguments);
        } else if (word.size() > 1 && word.front() == '-') {
            if (word.find_first_not_of("sfnv", 1) != std::string::npos)
                throw Failure(exit_usage, "the option " + word + " is unknown");
            if (word.find('f') != std::string::npos) return std::vector<std::string>();
        } else {
            places.push_back(word);
        }
    }
    if (places.size() != 2) throw Failure(exit_usage, "usage: " + name + " VAULT DIR [-sfnv] [-o OPTIONS]");
    arguments.insert(arguments.begin() + 1, places.begin(), places.end());
    return arguments;
}

std::vector<std::string> expand_mount_options(const std::vector<std::string>& arguments) {
    std::vector<std::string> expanded;
    for (std::size_t at = 0; at < arguments.size(); ++at) {
        const std::string& word = arguments[at];
        if (word == "--") {
            expanded.insert(expanded.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at),
                            arguments.end());
            break;
        }
        if (word == "-o") {
            if (++at == arguments.size()) throw Failure(exit_usage, "the option -o needs a value");
            append_options(arguments[at], expanded);
        } else if (word.starts_with("-o") && word.size() > 2) {
            append_options(word.substr(2), expanded);
        } else {
            expanded.push_back(word);
        }
    }
    return expanded;
}

}  // namespace demofs::app
