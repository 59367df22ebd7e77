#include "demofs/app/paths_in_memory.hpp"

#include <sys/stat.h>

#include <deque>
#include <set>
#include <utility>

namespace demofs::app {

namespace {

constexpr std::size_t entries_at_once = 256;

}  // namespace

std::map<InodeNumber, std::string> paths_in_memory(fs::Filesystem& filesystem,
                                                   const std::vector<InodeNumber>& inodes,
                                                   std::size_t most_entries) {
    std::map<InodeNumber, std::string> found;
    std::set<InodeNumber> wanted(inodes.begin(), inodes.end());
    if (wanted.erase(fs::root_inode) != 0) found.emplace(fs::root_inode, ".");
    std::deque<std::pair<InodeNumber, std::string>> directories{{fs::root_inode, ""}};
    std::size_t seen = 0;
    while (!directories.empty() && !wanted.empty() && seen < most_entries) {
        const auto [directory, prefix] = std::move(directories.front());
        directories.pop_front();
        fs::ReadDirectory listing;
        listing.directory = directory;
        listing.after = 2;  // not "." and ".."
        listing.limit = entries_at_once;
        for (;;) {
            const auto entries = filesystem.try_run(listing);
            if (!entries || !*entries || (*entries)->empty()) break;
            for (const fs::DirectoryEntry& entry : **entries) {
                ++seen;
                const std::string path = prefix + entry.name;
                if (wanted.erase(entry.inode) != 0) found.emplace(entry.inode, path);
                if (S_ISDIR(entry.mode)) directories.emplace_back(entry.inode, path + "/");
                listing.after = entry.cookie;
            }
            if (seen >= most_entries) break;
        }
    }
    return found;
}

}  // namespace demofs::app
