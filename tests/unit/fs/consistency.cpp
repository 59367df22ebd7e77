#include "consistency.hpp"

#include "demofs/fs/check/entry_rules.hpp"
#include "demofs/fs/records/extent_record.hpp"
#include "demofs/fs/records/keys.hpp"

namespace demofs::fs::test {

std::vector<std::string> find_contradictions(const std::vector<StoredEntry>& entries) {
    EntryRules rules(Generation{max_key});  // of a tree that is not committed yet
    for (const auto& [key, value] : entries) rules.add(key, value);
    std::vector<std::string> sentences;
    for (const Finding& finding : rules.finish())
        sentences.push_back(finding.path.empty() ? finding.what : finding.path + ": " + finding.what);
    return sentences;
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
