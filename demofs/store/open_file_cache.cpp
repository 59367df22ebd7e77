// A list in the order of use, and an index of its entries by name.
#include "demofs/store/open_file_cache.hpp"

namespace demofs::store {

OpenFileCache::File OpenFileCache::find(const std::string& name) {
    const auto entry = entries_.find(name);
    if (entry == entries_.end()) return nullptr;
    order_.splice(order_.begin(), order_, entry->second);
    return entry->second->file;
}

void OpenFileCache::insert(const std::string& name, File file) {
    if (entries_.contains(name)) return;
    while (entries_.size() >= capacity_) {
        entries_.erase(order_.back().name);
        order_.pop_back();
    }
    order_.push_front(Entry{name, std::move(file)});
    entries_.emplace(name, order_.begin());
}

void OpenFileCache::erase(const std::string& name) {
    const auto entry = entries_.find(name);
    if (entry == entries_.end()) return;
    order_.erase(entry->second);
    entries_.erase(entry);
}

void OpenFileCache::clear() {
    entries_.clear();
    order_.clear();
}

}  // namespace demofs::store
