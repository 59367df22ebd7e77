#include "tests/crash/vault_walk.hpp"

#include <sstream>

namespace demofs::crash_test {

using fs::Attributes;
using fs::DirectoryEntry;
using fs::test::Mount;

namespace {

std::string time_text(const fs::Timestamp& time) {
    return std::to_string(time.seconds) + "." + std::to_string(time.nanoseconds);
}

std::string content_text(Mount& mount, const Attributes& attributes) {
    if (S_ISLNK(attributes.mode)) {
        const auto target = mount.run(fs::ReadLink{attributes.inode});
        return target ? "-> " + *target : "unreadable";
    }
    if (!S_ISREG(attributes.mode)) return "";
    const auto content = mount.read(attributes.inode, 0, static_cast<std::size_t>(attributes.size_bytes));
    if (!content) return "unreadable";
    return std::to_string(std::hash<std::string>()(*content)) + " " + content->substr(0, 8);
}

void walk_into(Mount& mount, const Attributes& directory, const std::string& path, Walk& found) {
    constexpr std::size_t many = 1000;
    const auto entries = mount.run(fs::ReadDirectory{directory.inode, 2, many, true});
    if (!entries) {
        found[path + "/"] = "unreadable";
        return;
    }
    for (const DirectoryEntry& entry : *entries) {
        const std::string name = path + "/" + entry.name;
        const Attributes& a = entry.attributes;
        std::ostringstream line;
        line << raw(a.inode) << " mode " << std::oct << a.mode << std::dec << " of " << a.uid << ":" << a.gid
             << ", " << a.links << " links, size " << (S_ISDIR(a.mode) ? 0 : a.size_bytes) << ", "
             << time_text(a.modified) << ", " << time_text(a.changed) << " " << content_text(mount, a);
        found[name] = line.str();
        if (S_ISDIR(a.mode)) walk_into(mount, a, name, found);
    }
}

}  // namespace

Walk walk(Mount& mount) {
    Walk found;
    const auto root = mount.stat(fs::root_inode);
    if (!root) {
        found["/"] = "unreadable";
        return found;
    }
    walk_into(mount, *root, "", found);
    return found;
}

std::string difference(const Walk& expected, const Walk& found) {
    std::ostringstream text;
    for (const auto& [path, line] : expected) {
        const auto other = found.find(path);
        if (other == found.end()) {
            text << path << " is missing: " << line << '\n';
        } else if (other->second != line) {
            text << path << " is " << other->second << "\n  instead of " << line << '\n';
        }
    }
    for (const auto& [path, line] : found) {
        if (!expected.contains(path)) text << path << " is too much: " << line << '\n';
    }
    return text.str();
}

}  // namespace demofs::crash_test
