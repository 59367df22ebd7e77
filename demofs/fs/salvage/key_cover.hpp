// Which ranges of the tree's keys are known, and as of which commit.
//
// Nodes are laid down newest first, and each covers only what no newer one has covered. So in the end every
// range is as the newest node that still can be read has it, and what no node tells of is known to be
// unknown.
//
// Threads: a plain value. Memory: about 100 bytes for each range; ranges that touch and are of the same
// commit are one.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/tree/key.hpp"

namespace demofs::fs {

/// [from, to)
struct KeyRange {
    tree::Key from;
    tree::Key to;

    friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

/// The key that follows directly.
[[nodiscard]] tree::Key key_after(const tree::Key& key);

class KeyCover {
  public:
    /// The parts of `range` that are not covered, in order.
    [[nodiscard]] std::vector<KeyRange> uncovered(const KeyRange& range) const;

    /// Covers what of `range` is not covered yet.
    void cover(const KeyRange& range, Generation as_of);

    /// As of which commit all of `range` is known; nothing if some of it is not.
    [[nodiscard]] std::optional<Generation> as_of(const KeyRange& range) const;

  private:
    struct Part {
        tree::Key to;
        Generation as_of{0};
    };
    using Parts = std::map<tree::Key, Part>;  // by their begin; disjoint

    Parts::const_iterator first_ending_after(const tree::Key& key) const;
    void insert(const KeyRange& range, Generation as_of);

    Parts parts_;
};

}  // namespace demofs::fs
