#include "consistency.hpp"

#include <sys/stat.h>

#include <set>

#include "demofs/fs/records/dirent_record.hpp"
#include "demofs/fs/records/extent_record.hpp"
#include "demofs/fs/records/inode_record.hpp"
#include "demofs/fs/records/keys.hpp"
#include "demofs/fs/records/orphan_record.hpp"

namespace demofs::fs::test {

namespace {

struct Content {
    bool has_inline = false;
    std::uint64_t inline_bytes = 0;
    std::map<std::uint64_t, ExtentRecord> extents;
};

struct Seen {
    std::map<std::uint64_t, InodeRecord> inodes;
    std::map<std::uint64_t, std::vector<DirentRecord>> entries;  // by directory
    std::map<std::uint64_t, Content> contents;                   // by data id
    std::map<std::uint64_t, OrphanRecord> orphans;
    std::vector<std::string> unknown;
};

Seen decode(const std::vector<StoredEntry>& entries) {
    Seen seen;
    for (const auto& [key, value] : entries) {
        switch (key.kind) {
            case tree::Kind::inode:
                seen.inodes[key.object] = decode_inode_record(value);
                break;
            case tree::Kind::dirent:
                seen.entries[key.object].push_back(decode_dirent_record(value));
                break;
            case tree::Kind::inline_data:
                seen.contents[key.object].has_inline = true;
                seen.contents[key.object].inline_bytes = value.size();
                break;
            case tree::Kind::extent:
                seen.contents[key.object].extents[key.key] = decode_extent_record(value);
                break;
            case tree::Kind::orphan:
                seen.orphans[key.key] = decode_orphan_record(value);
                break;
            case tree::Kind::segment_usage:
                break;  // the tree's own, checked by its tests
            case tree::Kind::xattr:
            default:
                seen.unknown.push_back("an entry of kind " + std::to_string(static_cast<int>(key.kind)) +
                                       " of object " + std::to_string(key.object) + ", which nothing writes");
        }
    }
    return seen;
}

class Checker {
  public:
    explicit Checker(Seen seen) : seen_(std::move(seen)) {}

    std::vector<std::string> run() {
        for (const std::string& sentence : seen_.unknown) wrong(sentence);
        if (!seen_.inodes.contains(raw(root_inode))) wrong("there is no root");
        count_names();
        for (const auto& [number, inode] : seen_.inodes) check_inode(number, inode);
        for (const auto& [data, content] : seen_.contents) {
            if (!used_.contains(data) && !seen_.orphans.contains(data))
                wrong("data " + std::to_string(data) + " belongs to nobody");
        }
        for (const auto& [number, orphan] : seen_.orphans) {
            if (orphan.free_inode && !seen_.inodes.contains(number))
                wrong("orphan inode " + std::to_string(number) + " does not exist");
        }
        return std::move(wrong_);
    }

  private:
    void wrong(const std::string& sentence) { wrong_.push_back(sentence); }

    void count_names() {
        for (const auto& [directory, entries] : seen_.entries) {
            const auto found = seen_.inodes.find(directory);
            if (found == seen_.inodes.end() || !found->second.is_directory()) {
                wrong("entries in " + std::to_string(directory) + ", which is no directory");
                continue;
            }
            std::set<std::string> names;
            for (const DirentRecord& entry : entries) {
                if (!names.insert(entry.name).second) wrong("the name " + entry.name + " is there twice");
                const auto inode = seen_.inodes.find(raw(entry.inode));
                if (inode == seen_.inodes.end()) {
                    wrong(entry.name + " names inode " + std::to_string(raw(entry.inode)) +
                          ", which is not there");
                    continue;
                }
                if ((inode->second.mode & S_IFMT) != entry.type) wrong(entry.name + " has a wrong type");
                ++names_[raw(entry.inode)];
                if (inode->second.is_directory()) {
                    ++subdirectories_[directory];
                    if (raw(inode->second.parent) != directory) wrong(entry.name + " has a wrong parent");
                }
            }
        }
    }

    void check_inode(std::uint64_t number, const InodeRecord& inode) {
        const std::string who = "inode " + std::to_string(number);
        const std::uint64_t names = names_[number];
        if (number == raw(root_inode)) {
            if (names != 0) wrong("the root has a name");
        } else if (inode.is_directory()) {
            if (names > 1) wrong(who + " is a directory with several names");
            if ((names == 0) != (inode.links == 0)) wrong(who + " has a wrong link count");
        } else if (names != inode.links) {
            wrong(who + " has " + std::to_string(inode.links) + " links and " + std::to_string(names) +
                  " names");
        }
        if (inode.links == 0 && (!seen_.orphans.contains(number) || !seen_.orphans.at(number).free_inode))
            wrong(who + " has no name and no orphan record");
        if (inode.is_directory()) {
            const auto entries = seen_.entries.find(number);
            const std::size_t children = entries == seen_.entries.end() ? 0 : entries->second.size();
            if (children != inode.children) wrong(who + " has a wrong number of children");
            if (inode.links != 0 && inode.links != 2 + subdirectories_[number])
                wrong(who + " has wrong links");
        } else {
            used_.insert(raw(inode.data_id));
            check_content(who, inode, seen_.contents[raw(inode.data_id)]);
        }
    }

    void check_content(const std::string& who, const InodeRecord& inode, const Content& content) {
        if (content.has_inline != inode.has_inline_data) wrong(who + " is wrong about its inline data");
        if (content.has_inline && !content.extents.empty()) wrong(who + " has both inline data and extents");
        if (content.has_inline && content.inline_bytes > inode.size_bytes)
            wrong(who + " has too much inline data");
        std::uint64_t bytes = content.inline_bytes;
        std::uint64_t end = 0;
        for (const auto& [offset, extent] : content.extents) {
            if (offset < end) wrong(who + " has overlapping extents");
            end = offset + extent.length_bytes;
            bytes += extent.length_bytes;
        }
        if (end > inode.size_bytes && !inode.trimming) wrong(who + " has extents behind its end");
        if (bytes != inode.allocated_bytes)
            wrong(who + " claims " + std::to_string(inode.allocated_bytes) + " bytes and has " +
                  std::to_string(bytes));
        if (inode.trimming) {
            const auto orphan = seen_.orphans.find(raw(inode.data_id));
            if (orphan == seen_.orphans.end() || !orphan->second.free_data)
                wrong(who + " waits for a trim that nobody does");
        }
    }

    Seen seen_;
    std::map<std::uint64_t, std::uint64_t> names_;
    std::map<std::uint64_t, std::uint64_t> subdirectories_;
    std::set<std::uint64_t> used_;
    std::vector<std::string> wrong_;
};

}  // namespace

std::vector<std::string> find_contradictions(const std::vector<StoredEntry>& entries) {
    return Checker(decode(entries)).run();
}

boost::asio::awaitable<std::vector<StoredEntry>> entries_of(tree::Tree& tree) {
    const auto read = [&tree] {
        std::vector<StoredEntry> entries;
        tree.scan({}, {max_key, tree::Kind::segment_usage, max_key},
                  [&](const tree::Key& key, ByteSpan value) {
                      if (key.kind != tree::Kind::segment_usage)
                          entries.push_back({key, Bytes(value.begin(), value.end())});
                      return true;
                  });
        return entries;
    };
    co_return co_await tree.retry(read);
}

std::map<block::SegmentId, std::int64_t> data_usage_of(const std::vector<StoredEntry>& entries) {
    std::map<block::SegmentId, std::int64_t> usage;
    for (const auto& [key, value] : entries) {
        if (key.kind != tree::Kind::extent) continue;
        const ExtentRecord extent = decode_extent_record(value);
        usage[extent.segment] += static_cast<std::int64_t>(extent.length_bytes);
    }
    return usage;
}

}  // namespace demofs::fs::test
