// Vaults that end properly, crash, are damaged or have two histories: for the tests of recovery.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "contents.hpp"
#include "demofs/base/error.hpp"
#include "demofs/block/format.hpp"
#include "demofs/tree/node_codec.hpp"
#include "demofs/tree/recovery.hpp"
#include "demofs/tree/session_graph.hpp"
#include "vault.hpp"

namespace demofs::tree::test {

inline bool is_damaged(const Recovered& found) {
    return found.verdict > Verdict::crash_tail || found.damaged_blocks;
}

// All sentences, that of the verdict first.
inline std::vector<std::string> said(const Recovered& found) {
    std::vector<std::string> sentences = found.notes;
    if (!found.why.empty()) sentences.insert(sentences.begin(), found.why);
    return sentences;
}

// Of what a commit appended, only the pages of the record survive: its nodes are zeros, and so is the header of
// a segment that it began.
inline void lose_all_but_the_record(const std::string&, std::uint64_t offset, Bytes& unsynced) {
    const std::uint64_t record = (offset + unsynced.size() - 1) / 4096 * 4096;
    std::fill(unsynced.begin(), unsynced.begin() + static_cast<std::ptrdiff_t>(record - offset),
              std::byte{0});
}

// The same, but the header survives as well.
inline void lose_all_but_the_ends(const std::string& object, std::uint64_t offset, Bytes& unsynced) {
    const std::size_t kept =
        offset == 0 ? std::min<std::size_t>(block::segment_header_bytes, unsynced.size()) : 0;
    const Bytes header(unsynced.begin(), unsynced.begin() + static_cast<std::ptrdiff_t>(kept));
    lose_all_but_the_record(object, offset, unsynced);
    std::ranges::copy(header, unsynced.begin());
}

class RecoveryTest : public testing::Test {
  protected:
    // One session that ends properly, with a commit after each text; entry 1 holds the last one.
    void write(std::initializer_list<std::string> texts) {
        vault.session([&](Tree& tree) -> asio::awaitable<void> {
            for (const std::string& text : texts) {
                co_await put(tree, 1, text);
                co_await tree.commit();
            }
        });
    }

    // A session whose last change, `text`, is being committed when power fails: `policy` decides about what
    // was not synced. `before` is committed first, in the same session.
    void crash_while_writing(const std::string& before, const std::string& text,
                             const store::CrashPolicy& policy) {
        store::MemoryDisk at_crash;
        vault.session([&](Tree& tree) -> asio::awaitable<void> {
            if (!before.empty()) {
                co_await put(tree, 1, before);
                co_await tree.commit();
            }
            co_await put(tree, 1, text);
            // Just before the sync of the commit, its bytes being appended.
            vault.disk->on_operation([&](const store::StoreOperation& operation) {
                if (operation.kind == store::OperationKind::append) at_crash = vault.disk->snapshot();
            });
            co_await tree.commit();
            vault.disk->on_operation({});
        });
        vault.crash(at_crash, policy);
    }

    // As crash_while_writing, with a commit over several segments.
    void crash_with_a_large_tail(const store::CrashPolicy& policy) {
        store::MemoryDisk at_crash;
        vault.session([&](Tree& tree) -> asio::awaitable<void> {
            co_await put(tree, 1, "two");
            co_await tree.commit();
            for (std::uint64_t i = 0; i < 3000; ++i) co_await put(tree, 100 + i, std::string(60, 'x'));
            vault.disk->on_operation([&](const store::StoreOperation& operation) {
                if (operation.kind == store::OperationKind::append) at_crash = vault.disk->snapshot();
            });
            co_await tree.commit();
            vault.disk->on_operation({});
        });
        vault.crash(at_crash, policy);
    }

    bool is_live(block::SegmentId segment) {
        std::vector<SegmentLive> usage;
        vault.session([&](Tree& tree) -> asio::awaitable<void> {
            const auto read = [&tree] { return tree.segment_usage(); };
            usage = co_await tree.retry(read);
        });
        return std::ranges::any_of(
            usage, [&](const SegmentLive& entry) { return entry.segment == segment && entry.bytes != 0; });
    }

    std::string current() {
        std::string text;
        vault.session([&](Tree& tree) -> asio::awaitable<void> { text = co_await get(tree, 1); });
        return text;
    }

    // What recovery says of the vault as it is; `sentence` is why.
    Verdict verdict(const RecoverySettings& settings = {}) {
        const Recovered found = vault.recover(settings);
        sentence = found.why;
        return found.verdict;
    }

    // Where the newest commit's leaf with `key` is stored.
    block::BlockAddress leaf_of(const Key& key) {
        block::BlockAddress at = vault.recover().record->root;
        const auto descend = [&](block::LogReader& log) -> asio::awaitable<void> {
            for (;;) {
                const SharedBytes payload = co_await log.read(at, block::BlockKind::node);
                NodeTally tally;
                const NodePtr node = decode_node(payload, tally);
                if (node->is_leaf()) co_return;
                at = node->inner[node->child_index(key)].address;
            }
        };
        vault.read(descend);
        return at;
    }

    // The newest segment's object.
    std::string newest(std::size_t index = 0) { return vault.segments().at(index).object; }

    Vault vault;
    std::string sentence;
};

}  // namespace demofs::tree::test
