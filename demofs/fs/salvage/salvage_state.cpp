// What recovery finds is believed if nothing says that there was something newer. Else all nodes are taken,
// newest first, of the history that has got furthest.
#include "demofs/fs/salvage/salvage_state.hpp"

#include <algorithm>
#include <exception>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/crypto/hex.hpp"
#include "demofs/fs/records/keys.hpp"
#include "demofs/fs/salvage/block_search.hpp"
#include "demofs/fs/salvage/history.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

constexpr Generation end_of_time{max_key};

tree::HistoryId history_of(const SessionId& session) {
    tree::HistoryId id{};
    std::copy_n(session.bytes.begin(), id.size(), id.begin());
    return id;
}

// All keys of a content: inline data and extents.
KeyRange keys_of(std::uint64_t data) {
    return {inline_data_key(DataId{data}), key_after(extent_key(DataId{data}, max_key))};
}

}  // namespace

SalvageState::SalvageState(store::ObjectStore& strict, store::ObjectStore& lenient,
                           const crypto::VaultKeys& keys, const SalvageSettings& settings,
                           SalvageReport& report)
    : strict_(strict),
      lenient_(lenient),
      keys_(keys),
      settings_(settings),
      report_(report),
      catalog_(lenient, keys),
      log_(lenient, catalog_),
      entry_search_(log_) {}

asio::awaitable<void> SalvageState::find() {
    co_await recover();
    co_await catalog_.refresh();
    const std::function<void(const FoundBlocks&)> on_progress = [this](const FoundBlocks& found) {
        report_.stored_bytes = found.stored_bytes;
        report_.scanned_bytes = found.scanned_bytes;
        report_.blocks = found.blocks;
        report_.segments = found.segments;
        if (settings_.on_progress) settings_.on_progress(report_);
    };
    found_ = co_await find_blocks(lenient_, catalog_, on_progress);
    count();
    choose_history();
    keep_history_only();
    note_other_histories();
    co_await take_entries();
}

void SalvageState::count() {
    report_.stored_bytes = found_.stored_bytes;
    report_.scanned_bytes = found_.scanned_bytes;
    report_.blocks = found_.blocks;
    report_.segments = found_.segments;
    report_.unreadable_segments = found_.unreadable_segments;
    report_.damaged_bytes = found_.damaged_bytes;
    report_.unknown_blocks = found_.unknown_blocks;
    if (found_.unreadable_segments > 0)
        note(std::to_string(found_.unreadable_segments) + " of " + std::to_string(found_.segments) +
             " segments cannot be opened: both copies of their header are damaged, and with them all they "
             "hold "
             "is lost.");
    if (found_.unknown_blocks > 0)
        note(std::to_string(found_.unknown_blocks) +
             " blocks are of a newer version of demofs, which may read "
             "more than this one.");
}

// --- which state ---------------------------------------------------------------------------------

asio::awaitable<void> SalvageState::recover() {
    block::SegmentCatalog catalog(strict_, keys_);
    std::exception_ptr error;
    tree::Recovered recovered;
    try {
        co_await catalog.refresh();
        block::LogReader log(strict_, catalog);
        tree::RecoverySettings recovery;
        recovery.history = settings_.history;
        recovery.known = settings_.known;
        auto recovering = tree::recover(log, recovery);
        recovered = co_await std::move(recovering);
    } catch (const Error&) {
        error = std::current_exception();
    }
    if (error && !settings_.history) note(describe(error));
    if (error) co_return;
    if (!recovered.why.empty()) note(recovered.why);
    if (recovered.verdict > tree::Verdict::fork || !recovered.record) co_return;
    trusted_ = std::move(recovered.record);
    histories_ = std::move(recovered.histories);
}

void SalvageState::choose_history() {
    if (trusted_) {
        tip_ = {trusted_->session, end_of_time};
        // A session that has started on it, and has made no commit, or none that is left.
        for (const auto& [session, birth] : found_.newest) {
            if (found_.origins.at(session).base != trusted_->id()) continue;
            if (last_segment_of(session) > last_segment_of(tip_.session)) tip_.session = session;
        }
        return;
    }
    Generation newest{0};
    for (const auto& [session, birth] : found_.newest) {
        if (settings_.history && history_of(session) != *settings_.history) continue;
        if (birth < newest) continue;
        // Of two that got equally far, the one that began later, as far as the numbers of segments tell.
        if (birth == newest && last_segment_of(session) < last_segment_of(tip_.session)) continue;
        newest = birth;
        tip_ = {session, end_of_time};
    }
    if (settings_.history && !tip_)
        throw Error(std::errc::invalid_argument, "The vault has no history of that id");
}

std::uint64_t SalvageState::last_segment_of(const SessionId& session) const {
    std::uint64_t last = 0;
    for (const auto& [id, its] : found_.sessions) {
        if (its == session) last = std::max(last, id.sequence);
    }
    return last;
}

// Numbers of other histories mean other files.
void SalvageState::keep_history_only() {
    if (!tip_) return;
    const History history(found_.origins, tip_);
    if (history.is_broken())
        note(
            "No segment of an older session can be opened any more. What is older still is taken for its "
            "past, "
            "unless it is known to belong to another history.");
    std::erase_if(found_.nodes, [&](const FoundNode& node) {
        return is_uncommitted(node.birth) || !history.has(node.session, node.birth);
    });
    std::erase_if(found_.runs, [&](const FoundRun& run) {
        return !history.has(found_.sessions.at(run.run.segment), run.run.birth);
    });
}

void SalvageState::note_other_histories() {
    std::vector<tree::HistoryId> others;
    for (const tree::HistoryHead& head : histories_) others.push_back(head.id());
    if (!trusted_) {
        for (const SessionId& end : ends_of_histories(found_.origins)) others.push_back(history_of(end));
    }
    for (const tree::HistoryId& id : others) {
        if (id == history_of(trusted_ ? trusted_->session : tip_.session)) continue;
        note(
            "Nothing was taken of what another session has written that did not know of this state: "
            "--history " +
            crypto::to_hex(id) + " takes that one instead.");
    }
}

// --- the tree ------------------------------------------------------------------------------------

asio::awaitable<void> SalvageState::take_entries() {
    if (trusted_) {
        FoundNode root;
        root.address = trusted_->root;
        root.birth = trusted_->generation;
        root.level = trusted_->root_level;
        root.is_record = true;
        root.session = trusted_->session;
        co_await entry_search_.take(root);
        report_.newest = trusted_->generation;
        report_.lost_nodes = entry_search_.lost_nodes() + entries().undecodable();
        report_.tree_is_whole = report_.lost_nodes == 0;
    }
    std::ranges::sort(found_.nodes, {}, [](const FoundNode& node) {
        return std::make_tuple(~raw(node.birth), !node.is_record, ~node.level, node.first);
    });
    for (const FoundNode& node : found_.nodes) {
        if (entry_search_.is_complete()) break;
        report_.newest = std::max(report_.newest, node.birth);
        co_await entry_search_.take(node);
    }
    found_.nodes = {};
    entry_search_.entries().sort();
    std::ranges::sort(found_.runs, {}, [](const FoundRun& run) {
        return std::make_tuple(run.data, ~raw(run.run.birth), ~run.run.segment.sequence,
                               ~run.run.first_block);
    });
    note_uncommitted();
    if (report_.lost_nodes > 0)
        note(std::to_string(report_.lost_nodes) +
             " nodes of the tree cannot be read. Older ones stand in for the names and attributes in them, "
             "where "
             "there are any: some files may be missing, and some that were deleted may be there.");
    if (!trusted_ && found_.blocks > 0)
        note(
            "It is not known which commit is the newest one. Names and attributes are those of the newest "
            "nodes "
            "of the tree that can be read: some files may be missing, and some that were deleted may be "
            "there.");
}

void SalvageState::note_uncommitted() {
    std::uint64_t bytes = 0;
    for (const FoundRun& run : found_.runs) {
        if (is_uncommitted(run.run.birth) && entries().owner_of(run.data) != 0) bytes += run.run.run_bytes;
    }
    if (bytes > 0)
        note(
            std::to_string(bytes) +
            " bytes of files were written after the newest commit and never committed; they were not taken.");
}

// --- content -------------------------------------------------------------------------------------

std::span<const FoundRun> SalvageState::runs_of(std::uint64_t data) const {
    return std::ranges::equal_range(found_.runs, data, {}, &FoundRun::data);
}

// What is known as of a commit needs no older blocks, only newer ones.
ContentToSalvage SalvageState::content_of(std::uint64_t data, const FoundEntries::Inode* inode) {
    ContentToSalvage content;
    const std::optional<Generation> known = entry_search_.cover().as_of(keys_of(data));
    // What was lost since is no hole.
    content.gaps_are_holes = known && !may_be_older(*known, inode);
    for (const FoundEntries::Extent& extent : entries().extents_of(data)) {
        if (extent.offset > max_key - extent.run.length_bytes) continue;
        ContentSource source;
        source.begin = extent.offset;
        source.run = extent.run;
        source.time = extent.as_of;
        source.may_be_older = may_be_older(extent.as_of, inode);
        content.sources.push_back(source);
    }
    for (const FoundRun& run : runs_of(data)) {
        if (inode != nullptr && is_uncommitted(run.run.birth)) continue;
        ContentSource source;
        source.begin = run.position;
        source.run = run.run;
        source.time = run.run.birth;
        source.by_header = true;
        content.fallback.push_back(source);
        if (known && source.time <= *known) continue;
        content.sources.push_back(source);
        content.gaps_are_holes = false;
    }
    // What is not newer than the inode ends where that says.
    const Generation as_of = inode != nullptr ? inode->as_of : Generation{0};
    const std::uint64_t size = inode != nullptr ? inode->record.size_bytes : 0;
    content.size_bytes = size;
    for (const ContentSource& source : content.sources) {
        if (source.time > as_of) content.size_bytes = std::max(content.size_bytes, source.end());
    }
    std::erase_if(content.sources, [&](ContentSource& source) {
        if (source.time > as_of || source.end() <= size) return false;
        if (source.begin >= size) return true;
        source.run.length_bytes = size - source.begin;
        return false;
    });
    return content;
}

std::vector<std::uint64_t> SalvageState::contents() {
    std::vector<std::uint64_t> ids = entries().contents();
    for (const FoundRun& run : found_.runs) {
        if (ids.empty() || ids.back() != run.data) ids.push_back(run.data);
    }
    std::ranges::sort(ids);
    const auto rest = std::ranges::unique(ids);
    ids.erase(rest.begin(), rest.end());
    return ids;
}

}  // namespace demofs::fs
