// Both searches walk the slots of one hash, which lie side by side in the tree.
#include "demofs/fs/namespace/name_index.hpp"

#include <algorithm>
#include <utility>

#include "demofs/fs/records/keys.hpp"

namespace demofs::fs {

NameIndex::NameIndex(std::function<std::uint64_t(std::string_view)> hash, unsigned bits)
    : hash_(std::move(hash)), mask_((std::uint64_t{1} << std::clamp(bits, 1u, max_name_hash_bits)) - 1) {}

std::uint64_t NameIndex::first_cookie(std::string_view name) const {
    return std::max<std::uint64_t>(hash_(name) & mask_, 1) << slot_bits;
}

std::optional<NameIndex::Entry> NameIndex::find(tree::Tree& tree, InodeNumber directory,
                                                std::string_view name) const {
    const std::uint64_t first = first_cookie(name);
    std::optional<Entry> found;
    tree.scan(dirent_key(directory, first), dirent_key(directory, first + slots_per_hash - 1),
              [&](const tree::Key& key, ByteSpan value) {
                  DirentRecord record = decode_dirent_record(value);
                  if (record.name != name) return true;
                  found.emplace(Entry{key.key, std::move(record)});
                  return false;
              });
    return found;
}

std::optional<std::uint64_t> NameIndex::free_cookie(tree::Tree& tree, InodeNumber directory,
                                                    std::string_view name) const {
    const std::uint64_t first = first_cookie(name);
    std::uint64_t candidate = first;
    tree.scan(dirent_key(directory, first), dirent_key(directory, first + slots_per_hash - 1),
              [&](const tree::Key& key, ByteSpan) {
                  if (key.key != candidate) return false;  // a gap: an entry was removed here
                  ++candidate;
                  return true;
              });
    if (candidate == first + slots_per_hash) return std::nullopt;
    return candidate;
}

}  // namespace demofs::fs
