// A map of disjoint ranges.
#include "demofs/fs/salvage/key_cover.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace demofs::fs {

tree::Key key_after(const tree::Key& key) {
    constexpr std::uint64_t highest = std::numeric_limits<std::uint64_t>::max();
    if (key.key < highest) return {key.object, key.kind, key.key + 1};
    const auto kind = static_cast<std::uint8_t>(key.kind);
    if (kind < 255) return {key.object, tree::Kind(kind + 1), 0};
    if (key.object < highest) return {key.object + 1, tree::Kind{0}, 0};
    return key;  // the last one of all
}

KeyCover::Parts::const_iterator KeyCover::first_ending_after(const tree::Key& key) const {
    auto at = parts_.upper_bound(key);
    if (at != parts_.begin() && std::prev(at)->second.to > key) --at;
    return at;
}

std::vector<KeyRange> KeyCover::uncovered(const KeyRange& range) const {
    std::vector<KeyRange> gaps;
    tree::Key from = range.from;
    for (auto at = first_ending_after(from); at != parts_.end() && at->first < range.to; ++at) {
        if (from < at->first) gaps.push_back({from, at->first});
        from = at->second.to;
    }
    if (from < range.to) gaps.push_back({from, range.to});
    return gaps;
}

void KeyCover::cover(const KeyRange& range, Generation as_of) {
    for (const KeyRange& gap : uncovered(range)) insert(gap, as_of);
}

void KeyCover::insert(const KeyRange& range, Generation as_of) {
    auto at = parts_.emplace(range.from, Part{range.to, as_of}).first;
    const auto after = std::next(at);
    if (after != parts_.end() && after->first == range.to && after->second.as_of == as_of) {
        at->second.to = after->second.to;
        parts_.erase(after);
    }
    if (at == parts_.begin()) return;
    const auto before = std::prev(at);
    if (before->second.to == at->first && before->second.as_of == as_of) {
        before->second.to = at->second.to;
        parts_.erase(at);
    }
}

std::optional<Generation> KeyCover::as_of(const KeyRange& range) const {
    std::optional<Generation> lowest;
    tree::Key from = range.from;
    for (auto at = first_ending_after(from); at != parts_.end() && at->first < range.to; ++at) {
        if (from < at->first) return std::nullopt;
        lowest = lowest ? std::min(*lowest, at->second.as_of) : at->second.as_of;
        from = at->second.to;
    }
    if (from < range.to) return std::nullopt;
    return lowest;
}

}  // namespace demofs::fs
