// Writes the files: from the root directory down, then what has no name. The second half of a salvage.
//
// Threads: the core thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "demofs/fs/salvage/content_salvage.hpp"
#include "demofs/fs/salvage/salvage.hpp"
#include "demofs/fs/salvage/salvage_output.hpp"
#include "demofs/fs/salvage/salvage_state.hpp"

namespace demofs::fs {

/// What of an inode is kept.
[[nodiscard]] OutputAttributes attributes_to_keep(const InodeRecord& inode);

class SalvageFiles {
  public:
    /// What is written, and what is not as it should be, is told in `report`. All must outlive the object.
    SalvageFiles(store::ObjectStore& store, SalvageState& state, SalvageOutput& output,
                 const SalvageSettings& settings, SalvageReport& report);
    SalvageFiles(const SalvageFiles&) = delete;
    SalvageFiles& operator=(const SalvageFiles&) = delete;

    /// Once. Throws the output's error.
    [[nodiscard]] boost::asio::awaitable<void> write_all();

  private:
    struct Directory {
        std::uint64_t inode = 0;
        std::string path;
    };
    // A file that is to be written.
    struct File {
        std::string path;
        std::uint64_t number = 0;  // of its inode
        std::uint64_t data = 0;
        const FoundEntries::Inode* inode = nullptr;  // null: its record is lost
        std::string what;                            // to say of it
    };

    void choose_lost_folder();
    boost::asio::awaitable<std::string> path_in_lost_folder(std::uint64_t number);
    boost::asio::awaitable<void> write_below(std::vector<Directory> pending);
    boost::asio::awaitable<std::string> make_directory(std::string above, FoundEntries::Name name);
    boost::asio::awaitable<void> write_named(std::string above, FoundEntries::Name name);
    boost::asio::awaitable<void> write_link(std::string existing, std::string path);
    boost::asio::awaitable<void> write_inode(std::string path, std::uint64_t number, std::uint32_t type,
                                             std::string what);
    boost::asio::awaitable<void> write_file(File file);
    boost::asio::awaitable<bool> is_lost(const File& file, const ContentToSalvage& content);
    boost::asio::awaitable<std::string> create_file(std::string path, std::uint64_t number);
    boost::asio::awaitable<SharedBytes> read_inline(std::uint64_t data);
    boost::asio::awaitable<void> write_symlink(File file);
    boost::asio::awaitable<void> write_special(File file);
    boost::asio::awaitable<void> write_nameless_directories();
    boost::asio::awaitable<void> write_nameless_directory(std::uint64_t number);
    boost::asio::awaitable<void> write_nameless_files();
    boost::asio::awaitable<void> write_nameless_contents();
    boost::asio::awaitable<void> finish_directories();
    void count(const std::vector<SalvagedRange>& ranges);
    void tell(std::string path, std::string what, std::vector<SalvagedRange> ranges = {});
    void tell_lost(std::string path, std::string what);
    void progress();

    SalvageState& state_;
    const FoundEntries& entries_;
    SalvageOutput& output_;
    const SalvageSettings& settings_;
    SalvageReport& report_;
    ContentSalvage content_;
    std::string lost_folder_;
    std::unordered_set<std::uint64_t> directories_;          // that have a place
    std::unordered_map<std::uint64_t, std::string> places_;  // of inodes; empty: nothing could be written
    std::unordered_set<std::uint64_t> contents_;             // that belong to an inode
    std::vector<Directory> finished_;                        // in the order in which they were made
    std::uint64_t looked_at_ = 0;
    std::uint64_t inline_bytes_ = 0;  // that were written
};

}  // namespace demofs::fs
