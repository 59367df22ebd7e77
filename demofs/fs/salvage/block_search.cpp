// Data blocks are known by their headers; of nodes and records the content is looked at, since it tells which
// keys they are about.
#include "demofs/fs/salvage/block_search.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/block/segment_scan.hpp"
#include "demofs/tree/commit_record.hpp"
#include "demofs/tree/node_codec.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t blocks_between_reports = 256;
constexpr std::uint64_t no_number = std::numeric_limits<std::uint64_t>::max();

class BlockSearch {
  public:
    BlockSearch(store::ObjectStore& store, block::SegmentCatalog& catalog,
                const std::function<void(const FoundBlocks&)>& on_progress)
        : store_(store), catalog_(catalog), on_progress_(on_progress) {}
    BlockSearch(const BlockSearch&) = delete;
    BlockSearch& operator=(const BlockSearch&) = delete;

    asio::awaitable<FoundBlocks> run() {
        const std::vector<block::ListedSegment> segments = catalog_.segments();
        found_.foreign_objects = catalog_.foreign_objects();
        found_.segments = segments.size();
        for (const block::ListedSegment& segment : segments) found_.stored_bytes += segment.size_bytes;
        for (const block::ListedSegment& segment : segments) {
            before_ = found_.scanned_bytes;
            co_await search(segment);
            found_.scanned_bytes = before_ + segment.size_bytes;
            progress();
        }
        co_return std::move(found_);
    }

  private:
    void progress() const {
        if (on_progress_) on_progress_(found_);
    }

    asio::awaitable<void> search(const block::ListedSegment& listed) {
        std::exception_ptr error;
        block::SharedSegment segment;
        const block::SegmentId id = listed.id;
        try {
            segment = co_await catalog_.find(id);
        } catch (const Error&) {
            error = std::current_exception();
        }
        if (error) {
            if (co_await never_written(id))
                co_return;  // a crash while it was created: there is nothing in it
            ++found_.unreadable_segments;
            co_return;
        }
        session_ = segment->origin.session;
        found_.sessions[id] = session_;
        found_.origins.try_emplace(session_, segment->origin);
        block::SegmentScan scan(store_, std::move(segment), listed.size_bytes);
        while (true) {
            const std::optional<block::ScannedBlock> block = co_await scan.next();
            if (!block) break;
            Generation& newest = found_.newest[session_];
            newest = std::max(newest, Generation{block->header.birth_generation});
            if (block->header.kind == block::BlockKind::data) {
                add_data(*block);
            } else if (block->header.kind != block::BlockKind::seal) {
                const SharedBytes payload = co_await scan.payload();
                add_metadata(*block, payload);
            }
            found_.scanned_bytes = before_ + scan.offset();
            if (++found_.blocks % blocks_between_reports == 0) progress();
        }
        found_.damaged_bytes += scan.damaged_bytes();
        found_.unknown_blocks += scan.unknown_blocks();
    }

    asio::awaitable<bool> never_written(block::SegmentId id) {
        bool never = false;
        try {
            never = co_await catalog_.header_was_never_written(id);
        } catch (const Error&) {
            never = false;
        }
        co_return never;
    }

    void add_data(const block::ScannedBlock& block) {
        const std::uint32_t bytes = block.address.payload_bytes;
        const std::uint64_t position = block.header.position;
        if (bytes == 0 || position > no_number - bytes) return;
        const Generation birth{block.header.birth_generation};
        if (!found_.runs.empty()) {
            FoundRun& before = found_.runs.back();
            if (before.data == block.header.owner && before.position + before.run.run_bytes == position &&
                before.run.birth == birth && before.run.continues_with(block.address)) {
                before.run.run_bytes += bytes;
                before.run.length_bytes += bytes;
                return;
            }
        }
        FoundRun run;
        run.data = block.header.owner;
        run.position = position;
        run.run.segment = block.address.segment;
        run.run.first_block = block.address.offset;
        run.run.block_bytes = bytes;
        run.run.run_bytes = bytes;
        run.run.length_bytes = bytes;
        run.run.birth = birth;
        found_.runs.push_back(run);
    }

    void add_metadata(const block::ScannedBlock& block, const SharedBytes& payload) {
        FoundNode node;
        node.birth = Generation{block.header.birth_generation};
        node.session = session_;
        try {
            if (!payload) throw Error(Errc::corrupt, "its content is not authentic");
            if (block.header.kind == block::BlockKind::commit) {
                const tree::CommitRecord record = tree::decode_commit_record(payload);
                node.address = record.root;
                node.level = record.root_level;
                node.is_record = true;
                node.last = {no_number, tree::Kind{255}, no_number};
            } else {
                tree::NodeTally tally;
                const tree::NodePtr decoded = tree::decode_node(payload, tally);
                if (decoded->count() == 0) return;  // it tells nothing
                node.address = block.address;
                node.level = decoded->level;
                node.first = decoded->key_at(0);
                node.last = decoded->key_at(decoded->count() - 1);
            }
        } catch (const Error&) {
            ++found_.unreadable_nodes;
            return;
        }
        found_.nodes.push_back(node);
    }

    store::ObjectStore& store_;
    block::SegmentCatalog& catalog_;
    const std::function<void(const FoundBlocks&)>& on_progress_;
    FoundBlocks found_;
    SessionId session_;
    std::uint64_t before_ = 0;  // bytes of the segments before this one
};

}  // namespace

asio::awaitable<FoundBlocks> find_blocks(store::ObjectStore& store, block::SegmentCatalog& catalog,
                                         const std::function<void(const FoundBlocks&)>& on_progress) {
    BlockSearch search(store, catalog, on_progress);
    FoundBlocks found = co_await search.run();
    co_return found;
}

}  // namespace demofs::fs
