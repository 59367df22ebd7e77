// What can be known of a vault's state: which history and which commit, what the tree says, and which blocks
// of content there are. The first half of a salvage; reads only.
//
// Threads: the core thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "demofs/base/commit_id.hpp"
#include "demofs/block/log_reader.hpp"
#include "demofs/block/segment_catalog.hpp"
#include "demofs/crypto/keys.hpp"
#include "demofs/fs/salvage/content_salvage.hpp"
#include "demofs/fs/salvage/entry_search.hpp"
#include "demofs/fs/salvage/found_blocks.hpp"
#include "demofs/fs/salvage/found_entries.hpp"
#include "demofs/fs/salvage/salvage.hpp"
#include "demofs/store/object_store.hpp"
#include "demofs/tree/commit_record.hpp"

namespace demofs::fs {

class SalvageState {
  public:
    /// `strict` is the vault's store, `lenient` the same for reading past what it cannot read. What is found
    /// is told in `report`. All must outlive the object.
    SalvageState(store::ObjectStore& strict, store::ObjectStore& lenient, const crypto::VaultKeys& keys,
                 const SalvageSettings& settings, SalvageReport& report);
    SalvageState(const SalvageState&) = delete;
    SalvageState& operator=(const SalvageState&) = delete;

    /// Reads the whole vault; before anything else. Throws as salvage().
    [[nodiscard]] boost::asio::awaitable<void> find();

    [[nodiscard]] const FoundEntries& entries() { return entry_search_.entries(); }
    [[nodiscard]] block::LogReader& log() { return log_; }
    [[nodiscard]] block::SegmentCatalog& catalog() { return catalog_; }

    /// Where the bytes of a content may be found. `inode`: whose it is, if that is known.
    [[nodiscard]] ContentToSalvage content_of(std::uint64_t data, const FoundEntries::Inode* inode);

    /// Whether something is known of the file that is newer than `as_of`.
    [[nodiscard]] bool may_be_older(Generation as_of, const FoundEntries::Inode* inode) const {
        return (inode != nullptr && as_of < inode->as_of) ||
               (trusted_ != nullptr && as_of < trusted_->generation);
    }

    /// The ids of all content that there is a trace of, ascending.
    [[nodiscard]] std::vector<std::uint64_t> contents();

  private:
    boost::asio::awaitable<void> recover();
    boost::asio::awaitable<void> take_entries();
    void count();
    void choose_history();
    void keep_history_only();
    void note_other_histories();
    void note_uncommitted();
    /// Whether it was written after the commit that is known to be the newest.
    [[nodiscard]] bool is_uncommitted(Generation birth) const {
        return trusted_ != nullptr && birth > trusted_->generation;
    }
    [[nodiscard]] std::uint64_t last_segment_of(const SessionId& session) const;
    [[nodiscard]] std::span<const FoundRun> runs_of(std::uint64_t data) const;
    void note(std::string sentence) { report_.notes.push_back(std::move(sentence)); }

    store::ObjectStore& strict_;
    store::ObjectStore& lenient_;
    const crypto::VaultKeys& keys_;
    const SalvageSettings& settings_;
    SalvageReport& report_;
    block::SegmentCatalog catalog_;
    block::LogReader log_;
    EntrySearch entry_search_;
    FoundBlocks found_;
    std::unique_ptr<tree::CommitRecord> trusted_;  // the newest commit, if it is known which one that is
    std::vector<tree::HistoryHead> histories_;     // if there are several, and they are known
    CommitId tip_;                                 // the end of the history that is taken
};

}  // namespace demofs::fs
