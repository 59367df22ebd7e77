// Four passes: the tree from its root, the rules between its entries, the segments, the content. A node that
// cannot be read costs its range of keys and nothing else.
#include "demofs/fs/check/vault_check.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/records/keys.hpp"
#include "demofs/tree/node.hpp"
#include "demofs/tree/node_codec.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

constexpr tree::Key no_key_is_larger{max_key, tree::Kind{255}, max_key};
constexpr std::uint64_t nodes_between_reports = 256;
constexpr std::uint64_t bytes_between_reports = 16u << 20;

// A node that is to be read, and what its parent says of it.
struct Pending {
    block::BlockAddress address;
    Generation birth;
    unsigned level;
    tree::Key from;
    tree::Key to;  // behind its last key
};

class VaultCheck {
  public:
    VaultCheck(block::LogReader& log, const tree::CommitRecord& record, CheckSettings settings)
        : log_(log), record_(record), settings_(std::move(settings)) {}
    VaultCheck(const VaultCheck&) = delete;
    VaultCheck& operator=(const VaultCheck&) = delete;

    asio::awaitable<CheckReport> run() {
        co_await walk();
        std::vector<Finding> contradictions = rules_.finish();
        std::ranges::move(contradictions, std::back_inserter(report_.findings));
        report_.inodes = rules_.inodes();
        co_await check_segments();
        check_usage();
        co_await check_newest_commit();
        co_await check_contents();
        co_return std::move(report_);
    }

  private:
    void wrong(std::string what, std::string path = {}) {
        report_.findings.push_back({std::move(what), std::move(path)});
    }
    void progress() const {
        if (settings_.on_progress) settings_.on_progress(report_);
    }

    // --- the tree ---

    asio::awaitable<void> walk() {
        std::vector<Pending> pending;
        pending.push_back({record_.root, record_.root_birth, record_.root_level, {}, no_key_is_larger});
        while (!pending.empty()) {
            const Pending next = pending.back();
            pending.pop_back();
            const SharedBytes payload = co_await read(next.address, block::BlockKind::node);
            if (payload) visit(next, payload, pending);
            if (!payload) lose(next, why_);
            if (++report_.nodes % nodes_between_reports == 0) progress();
        }
    }

    void lose(const Pending& node, const std::string& why) {
        wrong("part of the metadata (" + std::string(node.level == 0 ? "entries" : "a subtree") +
              " from object " + std::to_string(node.from.object) + " on) cannot be read: " + why);
        rules_.lose(node.from, node.to);
        complete_ = false;
    }

    void visit(const Pending& at, ByteSpan payload, std::vector<Pending>& pending) {
        used_[at.address.segment] += static_cast<std::int64_t>(at.address.stored_bytes());
        tree::NodeTally tally;
        tree::NodePtr node;
        try {
            node = tree::decode_node(payload, tally);
        } catch (const Error& error) {
            return lose(at, error.what());
        }
        if (node->level != at.level) return lose(at, "it is a node of another level");
        if (node->count() > 0 && (tree::key_less(node->key_at(0), at.from) ||
                                  !tree::key_less(node->key_at(node->count() - 1), at.to)))
            return lose(at, "its keys are outside of its place");
        for (const tree::LeafSlot& slot : node->leaf) {
            ++report_.entries;
            rules_.add(slot.key, node->value(slot));
            if (slot.key.kind != tree::Kind::segment_usage) continue;
            const tree::SegmentLive live = tree::decode_segment_usage(slot.key, node->value(slot));
            told_[live.segment] += live.bytes;
        }
        // In the order of keys, so the last one first.
        for (std::size_t i = node->inner.size(); i-- > 0;) {
            const tree::InnerSlot& slot = node->inner[i];
            const tree::Key to = i + 1 < node->inner.size() ? node->inner[i + 1].first : at.to;
            const tree::Key from = i == 0 ? at.from : slot.first;
            if (slot.birth > at.birth)
                wrong("a node of level " + std::to_string(at.level - 1) +
                      " is younger than the one above it");
            pending.push_back({slot.address, slot.birth, at.level - 1, from, to});
        }
    }

    // The payload; null if it cannot be read, and why.
    asio::awaitable<SharedBytes> read(block::BlockAddress address, block::BlockKind kind) {
        std::exception_ptr error;
        try {
            SharedBytes payload = co_await log_.read(address, kind);
            co_return payload;
        } catch (const Error&) {
            error = std::current_exception();
        }
        why_ = describe(error);
        co_return SharedBytes();
    }

    // --- segments ---

    asio::awaitable<void> check_segments() {
        const std::vector<block::ListedSegment> segments = log_.catalog().segments();
        report_.segments = segments.size();
        report_.foreign_objects = log_.catalog().foreign_objects();
        for (const auto& [data, content] : rules_.contents()) {
            for (const auto& [offset, extent] : content.extents) {
                used_[extent.segment] += static_cast<std::int64_t>(extent.length_bytes);
                report_.content_bytes += extent.length_bytes;
            }
        }
        for (const block::ListedSegment& segment : segments) {
            sizes_[segment.id] = segment.size_bytes;
            if (!used_.contains(segment.id)) ++report_.unused_segments;
            std::exception_ptr error;
            block::SharedSegment opened;
            try {
                opened = co_await log_.catalog().find(segment.id);
            } catch (const Error&) {
                error = std::current_exception();
            }
            if (opened && opened->from_copy)
                wrong("the header of " + block::describe(*opened) +
                      " is damaged; the copy at its end is whole");
            const bool never_written = error && !used_.contains(segment.id);  // a crash while it was created
            if (error && !never_written) wrong(describe(error));
        }
    }

    void check_usage() {
        if (!complete_) return;  // what is not known cannot be counted
        for (const tree::SegmentLive& change : record_.usage) told_[change.segment] += change.bytes;
        for (const auto& [segment, bytes] : used_) {
            if (told_[segment] == bytes) continue;
            wrong(block::describe(segment) + " holds " + std::to_string(bytes) +
                  " live bytes, and the table says " + std::to_string(told_[segment]));
        }
        for (const auto& [segment, bytes] : told_) {
            if (bytes != 0 && !used_.contains(segment))
                wrong("nothing in " + block::describe(segment) + " is in use, and the table says " +
                      std::to_string(bytes) + " bytes are");
        }
    }

    asio::awaitable<void> check_newest_commit() {
        std::vector<block::LogRange> ranges = record_.log.ranges;
        std::exception_ptr error;
        block::Verification seen;
        try {
            seen = co_await log_.verify(std::move(ranges));
        } catch (const Error&) {
            error = std::current_exception();
        }
        if (error) {
            wrong("the newest commit cannot be verified: " + describe(error));
        } else if (seen.state != block::LogState::missing_segment &&  // nothing in it may be alive any more
                   (!seen.intact() || seen.tags_hash != record_.log.tags_hash)) {
            wrong("the newest commit is not as it was written (" + block::describe(seen.segment) +
                  ", offset " + std::to_string(seen.offset) + ")");
        }
    }

    // --- content ---

    asio::awaitable<void> check_contents() {
        for (const auto& [data, content] : rules_.contents()) {
            const std::uint64_t owner = rules_.owner_of(data);
            for (const auto& [offset, extent] : content.extents) {
                const std::string path = owner == 0 ? std::string() : rules_.path_of(owner);
                const bool there = check_place(extent, offset, path);
                if (there && settings_.read_data) co_await read_extent(extent, offset, path);
            }
        }
    }

    // Whether the extent lies within an object that is there.
    bool check_place(const ExtentRecord& extent, std::uint64_t offset, const std::string& path) {
        const auto size = sizes_.find(extent.segment);
        const std::string place = "its content from offset " + std::to_string(offset) + " on lies ";
        if (size == sizes_.end()) {
            wrong(place + "in " + block::describe(extent.segment) + ", which is missing", path);
            return false;
        }
        const ExtentRecord::Place last = extent.locate(extent.skip_bytes + extent.length_bytes - 1);
        if (last.block.end() <= size->second) return true;
        wrong(place + "behind the end of " + block::describe(extent.segment), path);
        return false;
    }

    asio::awaitable<void> read_extent(const ExtentRecord& extent, std::uint64_t offset, std::string path) {
        const std::uint64_t end = extent.skip_bytes + extent.length_bytes;
        for (std::uint64_t at = extent.skip_bytes; at < end;) {
            const ExtentRecord::Place place = extent.locate(at);
            const std::uint64_t bytes =
                std::min<std::uint64_t>(end - at, place.block.payload_bytes - place.offset);
            const SharedBytes payload = co_await read(place.block, block::BlockKind::data);
            if (!payload) {
                wrong(std::to_string(bytes) + " bytes of its content at offset " +
                          std::to_string(offset + at - extent.skip_bytes) + " cannot be read: " + why_,
                      path);
            } else {
                const std::uint64_t before = report_.content_bytes_read;
                report_.content_bytes_read += bytes;
                if (before / bytes_between_reports != report_.content_bytes_read / bytes_between_reports)
                    progress();
            }
            at += bytes;
        }
    }

    block::LogReader& log_;
    const tree::CommitRecord& record_;
    CheckSettings settings_;
    CheckReport report_;
    EntryRules rules_{record_.generation};
    bool complete_ = true;  // all nodes were read
    std::string why_;       // read() gave nothing
    std::unordered_map<block::SegmentId, std::int64_t> used_;
    std::unordered_map<block::SegmentId, std::int64_t> told_;
    std::unordered_map<block::SegmentId, std::uint64_t> sizes_;
};

}  // namespace

asio::awaitable<CheckReport> check_vault(block::LogReader& log, const tree::CommitRecord& record,
                                         CheckSettings settings) {
    VaultCheck check(log, record, std::move(settings));
    co_return co_await check.run();
}

}  // namespace demofs::fs
