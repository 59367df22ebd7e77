// Puts a tree together again from the nodes of it that can be read.
//
// Every node that was ever stored tells what was in a range of keys when a certain commit was made. Starting
// with the newest, each is read with everything below it, as far as that can be read, and covers its range;
// what is covered already is not asked again. With a whole tree that is the newest commit, and nothing else
// is read. Where nodes are lost, the newest older ones that know the place stand in.
//
// Threads: the core thread, decrypting there. Memory: that of FoundEntries and of the cover.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>

#include "demofs/block/log_reader.hpp"
#include "demofs/fs/salvage/found_blocks.hpp"
#include "demofs/fs/salvage/found_entries.hpp"
#include "demofs/fs/salvage/key_cover.hpp"

namespace demofs::fs {

class EntrySearch {
  public:
    /// `log` must outlive the search.
    explicit EntrySearch(block::LogReader& log) : log_(log) {}

    /// Takes what `node` and all below it tell of keys that are not covered. Newest first. Damage is counted;
    /// throws only if memory is short.
    [[nodiscard]] boost::asio::awaitable<void> take(FoundNode node);

    [[nodiscard]] FoundEntries& entries() { return entries_; }
    [[nodiscard]] const KeyCover& cover() const { return cover_; }
    /// Whether nothing is unknown any more.
    [[nodiscard]] bool is_complete() const;
    /// Nodes that something referred to and that cannot be read.
    [[nodiscard]] std::uint64_t lost_nodes() const { return lost_nodes_; }

  private:
    struct Pending;

    boost::asio::awaitable<SharedBytes> read(block::BlockAddress address);

    block::LogReader& log_;
    FoundEntries entries_;
    KeyCover cover_;
    std::uint64_t lost_nodes_ = 0;
};

}  // namespace demofs::fs
