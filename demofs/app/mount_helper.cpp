// The words of mount(8), and what becomes of each.
#include "demofs/app/mount_helper.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "demofs/app/failure.hpp"
#include "demofs/app/suggestion.hpp"

namespace demofs::app {

namespace {

// For mount(8), its helpers or systemd; or what every mount is anyway: nosuid and nodev, without access times, and
// with permissions checked by the kernel.
bool is_for_others(std::string_view name) {
    constexpr std::array<std::string_view, 30> names{
        "defaults",    "auto",          "noauto",   "user",       "nouser",   "users",
        "nousers",     "group",         "nogroup",  "owner",      "noowner",  "nofail",
        "_netdev",     "dev",           "nodev",    "suid",       "nosuid",   "async",
        "atime",       "noatime",       "diratime", "nodiratime", "relatime", "norelatime",
        "strictatime", "nostrictatime", "lazytime", "nolazytime", "nomand",   "default_permissions"};
    return std::ranges::find(names, name) != names.end();
}

bool begins_for_others(std::string_view word) {
    constexpr std::array<std::string_view, 6> begins{"x-", "X-", "comment=", "user=", "helper=", "uhelper="};
    return std::ranges::any_of(begins, [word](std::string_view begin) { return word.starts_with(begin); });
}

// What another filesystem would do, and this one cannot.
std::string_view why_not(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> refused{
        {{"remount",
          "a mount cannot be changed while it is there: unmount it, and mount it with the new options"},
         {"sync",
          "not every write waits for the disk: programs ask for that with fsync or O_SYNC, and "
          "commit-interval-ms "
          "says how long the rest may take"},
         {"dirsync",
          "changes of directories do not wait for the disk: programs ask for that with fsync, and "
          "commit-interval-ms says how long the rest may take"}}};
    const auto found =
        std::ranges::find_if(refused, [name](const auto& entry) { return entry.first == name; });
    return found == refused.end() ? std::string_view() : found->second;
}

// A word that sets or takes back what one option says, whichever comes last.
struct Switch {
    std::string_view word;
    std::string_view option;
    bool on;
};
constexpr std::array<Switch, 4> switches{{{"ro", "--read-only", true},
                                          {"rw", "--read-only", false},
                                          {"noexec", "--noexec", true},
                                          {"exec", "--noexec", false}}};

[[noreturn]] void refuse(const std::string& word, const std::string& why) {
    throw Failure(exit_usage, "-o " + word + ": " + why);
}

class Expansion {
  public:
    explicit Expansion(const std::vector<MountOption>& known) : known_(known) {}

    void keep(std::string word) { result_.arguments.push_back(std::move(word)); }

    void add_list(const std::string& list) {
        std::istringstream words(list);
        for (std::string word; std::getline(words, word, ',');) {
            if (!word.empty()) add(word);
        }
    }

    ExpandedOptions take() { return std::move(result_); }

  private:
    void add(const std::string& word) {
        const std::size_t end = std::min(word.find('='), word.size());
        const std::string typed = word.substr(0, end);
        const auto flip = std::ranges::find(switches, std::string_view(word), &Switch::word);
        if (flip != switches.end()) return set(*flip);
        if (is_for_others(word) || begins_for_others(word)) return;
        if (const std::string_view why = why_not(word); !why.empty()) refuse(word, std::string(why));
        std::string name = typed;
        std::ranges::replace(name, '_', '-');
        const auto option = std::ranges::find(known_, name, &MountOption::name);
        if (option == known_.end()) refuse(word, unknown(name));
        const bool has_value = end < word.size();
        if (option->takes_value && !has_value)
            refuse(word, "a value is missing, as in -o " + typed + "=VALUE");
        if (!option->takes_value && has_value) refuse(word, "this option takes no value");
        result_.typed["--" + name] = "-o " + typed;
        keep("--" + name + word.substr(end));
    }

    void set(const Switch& flip) {
        std::erase(result_.arguments, flip.option);
        if (!flip.on) return;
        result_.typed[std::string(flip.option)] = "-o " + std::string(flip.word);
        keep(std::string(flip.option));
    }

    std::string unknown(const std::string& name) const {
        std::vector<std::string> names;
        for (const MountOption& option : known_) names.push_back(option.name);
        const std::string meant = nearest(name, names);
        return meant.empty() ? "there is no such option; demofs mount --help shows them"
                             : "there is no such option; did you mean " + meant + "?";
    }

    const std::vector<MountOption>& known_;
    ExpandedOptions result_;
};

}  // namespace

std::optional<std::vector<std::string>> helper_arguments(const std::string& program,
                                                         const std::vector<std::string>& given) {
    const std::string name = std::filesystem::path(program).filename().string();
    if (name != "mount.demofs" && name != "mount.fuse.demofs") return std::nullopt;
    const std::string usage = "usage: " + name + " VAULT DIR [-sfnv] [-o OPTIONS]";
    std::vector<std::string> arguments{"mount"};
    std::vector<std::string> places;
    for (std::size_t at = 0; at < given.size(); ++at) {
        const std::string& word = given[at];
        if (word == "-h" || word == "--help") return std::vector<std::string>{"mount", "--help"};
        if (word == "-V" || word == "--version") return std::vector<std::string>{"--version"};
        if (word == "-o" || word == "-t" || word == "-N") {
            if (++at == given.size()) throw Failure(exit_usage, "the option " + word + " needs a value");
            if (word == "-N") throw Failure(exit_usage, "another mount namespace (-N) is not supported");
            if (word == "-o") arguments.insert(arguments.end(), {word, given[at]});
        } else if (word.size() > 1 && word.front() == '-') {
            if (word.find_first_not_of("sfnv", 1) != std::string::npos)
                throw Failure(exit_usage, "the option " + word + " is unknown; " + usage);
            if (word.find('f') != std::string::npos) return std::vector<std::string>();
        } else {
            places.push_back(word);
        }
    }
    if (places.size() != 2) throw Failure(exit_usage, usage);
    arguments.insert(arguments.begin() + 1, places.begin(), places.end());
    return arguments;
}

ExpandedOptions expand_mount_options(const std::vector<std::string>& arguments,
                                     const std::vector<MountOption>& known) {
    Expansion expansion(known);
    bool only_places = false;
    for (std::size_t at = 0; at < arguments.size(); ++at) {
        const std::string& word = arguments[at];
        only_places = only_places || word == "--";
        if (!only_places && word == "-o") {
            if (++at == arguments.size()) throw Failure(exit_usage, "the option -o needs a value");
            expansion.add_list(arguments[at]);
        } else if (!only_places && word.starts_with("-o")) {
            expansion.add_list(word.substr(2));
        } else {
            expansion.keep(word);
        }
    }
    return expansion.take();
}

std::string as_typed(const std::string& text, const std::map<std::string, std::string>& typed) {
    const auto in_a_name = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
    };
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + 1;
        if (text.compare(at, 2, "--") == 0) {
            while (end < text.size() && in_a_name(text[end])) ++end;
        }
        const std::string piece = text.substr(at, end - at);
        const auto found = typed.find(piece);
        out += found == typed.end() ? piece : found->second;
        at = end;
    }
    return out;
}

}  // namespace demofs::app
