// The edit's own entries lie sorted beside the tree; every read merges the two, and an own entry, also one
// that says "erased", hides the tree's. Inode records are decoded once and compared when the edit is applied.
#include "demofs/fs/edit/tree_edit.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "demofs/base/invariant.hpp"
#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

std::vector<TreeEdit::Entry>::iterator TreeEdit::position(const tree::Key& key) {
    // Changes come mostly in key order: look at the end first.
    if (entries_.empty() || entries_.back().key < key) return entries_.end();
    return std::lower_bound(entries_.begin(), entries_.end(), key,
                            [](const Entry& entry, const tree::Key& wanted) { return entry.key < wanted; });
}

std::optional<ByteSpan> TreeEdit::find(const tree::Key& key) {
    const auto own = position(key);
    if (own != entries_.end() && own->key == key) {
        if (!own->value) return std::nullopt;
        return ByteSpan(*own->value);
    }
    return tree_->find(key);
}

std::vector<std::pair<tree::Key, Bytes>> TreeEdit::range(const tree::Key& from, const tree::Key& to) {
    std::vector<std::pair<tree::Key, Bytes>> found;
    auto own = position(from);
    const auto add_own_before = [&](const tree::Key& key) {  // and step over an own entry at `key`
        for (; own != entries_.end() && own->key < key; ++own) {
            if (own->value) found.emplace_back(own->key, *own->value);
        }
    };
    tree_->scan(from, to, [&](const tree::Key& key, ByteSpan value) {
        add_own_before(key);
        if (own != entries_.end() && own->key == key) return true;  // ours counts, added with the next ones
        found.emplace_back(key, Bytes(value.begin(), value.end()));
        return true;
    });
    for (; own != entries_.end() && own->key <= to; ++own) {
        if (own->value) found.emplace_back(own->key, *own->value);
    }
    return found;
}

std::optional<std::pair<tree::Key, Bytes>> TreeEdit::find_last_not_after(const tree::Key& key) {
    tree::Key at = key;
    for (;;) {
        const auto stored = tree_->find_last_not_after(at);
        // The last own entry not after `at`, of the same object and kind.
        auto own = position(at);
        if (own == entries_.end() || own->key != at) {
            own = own == entries_.begin() ? entries_.end() : std::prev(own);
        }
        if (own != entries_.end() && (own->key.object != key.object || own->key.kind != key.kind))
            own = entries_.end();
        const bool own_is_last = own != entries_.end() && (!stored || own->key >= stored->first);
        if (own_is_last && own->value) return std::pair(own->key, *own->value);
        if (!own_is_last) {
            if (!stored) return std::nullopt;
            return std::pair(stored->first, Bytes(stored->second.begin(), stored->second.end()));
        }
        if (own->key.key == 0) return std::nullopt;  // erased by this edit: look before it
        at.key = own->key.key - 1;
    }
}

void TreeEdit::set(const tree::Key& key, std::optional<Bytes> value) {
    const auto own = position(key);
    if (own != entries_.end() && own->key == key) {
        own->value = std::move(value);
    } else {
        entries_.insert(own, Entry{key, std::move(value)});
    }
}

void TreeEdit::put(const tree::Key& key, Bytes value) {
    set(key, std::optional<Bytes>(std::move(value)));
}

void TreeEdit::erase(const tree::Key& key) {
    const auto own = position(key);
    if (own != entries_.end() && own->key == key && !tree_->find(key)) {
        entries_.erase(own);  // it was only ours: the tree must not hear of it
        return;
    }
    set(key, std::nullopt);
}

void TreeEdit::use(const block::SegmentId& segment, std::int64_t bytes) {
    for (tree::Changes::Usage& known : usage_) {
        if (known.segment == segment) {
            known.bytes += bytes;
            return;
        }
    }
    usage_.push_back({segment, bytes});
}

InodeRecord* TreeEdit::inode(InodeNumber number) {
    for (const auto& cached : inodes_) {
        if (cached->number == number) return cached->erased ? nullptr : &cached->record;
    }
    const std::optional<ByteSpan> value = tree_->find(inode_key(number));
    if (!value) return nullptr;
    auto cached = std::make_unique<CachedInode>();
    cached->number = number;
    cached->record = decode_inode_record(*value);
    cached->stored = cached->record;
    inodes_.push_back(std::move(cached));
    return &inodes_.back()->record;
}

InodeRecord& TreeEdit::add_inode(InodeNumber number, InodeRecord record) {
    auto cached = std::make_unique<CachedInode>();
    cached->number = number;
    cached->record = record;
    cached->is_new = true;
    inodes_.push_back(std::move(cached));
    return inodes_.back()->record;
}

void TreeEdit::erase_inode(InodeNumber number) {
    invariant(inode(number) != nullptr, "An inode that is erased exists.");
    for (const auto& cached : inodes_) {
        if (cached->number == number) cached->erased = true;
    }
}

void TreeEdit::write_back_inodes() {
    for (const auto& cached : inodes_) {
        if (cached->erased) {
            if (!cached->is_new) set(inode_key(cached->number), std::nullopt);
        } else if (cached->is_new || cached->record != cached->stored) {
            set(inode_key(cached->number), encode(cached->record));
        }
    }
}

void TreeEdit::prefault(const tree::Key& from, const tree::Key& to) {
    tree_->prefault(from, to);
}

void TreeEdit::prefault() {
    for (const auto& cached : inodes_) tree_->prefault(inode_key(cached->number), inode_key(cached->number));
    for (const Entry& entry : entries_) tree_->prefault(entry.key, entry.key);
}

Epoch TreeEdit::apply() {
    write_back_inodes();
    tree::Changes changes;
    changes.entries = std::move(entries_);
    for (const tree::Changes::Usage& use : usage_) {
        if (use.bytes != 0) changes.usage.push_back(use);
    }
    inodes_.clear();
    return tree_->apply(changes);
}

}  // namespace demofs::fs
