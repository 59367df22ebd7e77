// Reads the content of one file, from whatever has it, into the output.
//
// Threads: the core thread, decrypting there. Memory: a window of 1 MiB, and as much that is to be written.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "demofs/block/log_reader.hpp"
#include "demofs/block/segment_window.hpp"
#include "demofs/fs/salvage/content_plan.hpp"
#include "demofs/fs/salvage/salvage.hpp"
#include "demofs/fs/salvage/salvage_output.hpp"
#include "demofs/store/object_store.hpp"

namespace demofs::fs {

/// What is known of a file's content.
struct ContentToSalvage {
    std::vector<ContentSource> sources;   ///< in any order
    std::vector<ContentSource> fallback;  ///< for what of these cannot be read: runs of blocks, newest first
    std::uint64_t size_bytes = 0;         ///< of the file
    bool gaps_are_holes = false;          ///< what no source has was never written
};

class ContentSalvage {
  public:
    /// All must outlive the object.
    ContentSalvage(store::ObjectStore& store, block::SegmentCatalog& catalog, SalvageOutput& output)
        : store_(store), catalog_(catalog), output_(output) {}

    /// Writes the content to the file that the output has open. Returns what is not as it should be, in
    /// order. Throws the output's error. `content` must outlive the call.
    [[nodiscard]] boost::asio::awaitable<std::vector<SalvagedRange>> write(const ContentToSalvage& content);

    /// Whether any of it can be read, without writing anything.
    [[nodiscard]] boost::asio::awaitable<bool> is_readable(const ContentToSalvage& content);

    /// Bytes that were written so far, of all files.
    [[nodiscard]] std::uint64_t written_bytes() const { return written_bytes_; }

  private:
    struct Range {
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
    };

    boost::asio::awaitable<std::vector<Range>> copy(ContentSource source, Range wanted);
    boost::asio::awaitable<void> replace(const ContentToSalvage& content, Range lost, Generation time,
                                         Generation birth);
    boost::asio::awaitable<bool> load(block::BlockAddress block, std::uint64_t end_of_run);
    boost::asio::awaitable<void> put(std::uint64_t offset, SharedBytes bytes);
    boost::asio::awaitable<void> flush();
    SharedBytes open(const block::BlockPart& part) const;
    void tell_origin(Range range, const ContentSource& source);
    void tell(Range range, SalvagedRange::Kind kind, Generation generation);

    store::ObjectStore& store_;
    block::SegmentCatalog& catalog_;
    SalvageOutput& output_;
    bool is_trial_ = false;  // nothing is written
    bool found_ = false;
    std::optional<block::SegmentWindow> window_;
    std::unordered_set<block::SegmentId> unreadable_;  // segments
    std::vector<SalvagedRange> ranges_;                // of the file
    std::vector<SharedBytes> pieces_;                  // still to be written, from pieces_begin_ on
    std::uint64_t pieces_begin_ = 0;
    std::uint64_t pieces_bytes_ = 0;
    std::uint64_t written_bytes_ = 0;
};

}  // namespace demofs::fs
