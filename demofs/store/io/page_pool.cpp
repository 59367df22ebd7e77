// Freed pages are kept by their size.
#include "demofs/store/io/page_pool.hpp"

#include <map>
#include <new>

namespace demofs::store {

struct PagePool::Kept {
    std::size_t limit_bytes;
    std::size_t bytes = 0;
    std::map<std::size_t, std::vector<Memory>> by_size;
};

PagePool::PagePool(std::size_t limit_bytes) : kept_(std::make_shared<Kept>()) {
    kept_->limit_bytes = limit_bytes;
}

PagePool::Pages PagePool::take(std::size_t size_bytes) {
    const auto found = kept_->by_size.find(size_bytes);
    if (found != kept_->by_size.end() && !found->second.empty()) {
        Memory memory = std::move(found->second.back());
        found->second.pop_back();
        kept_->bytes -= size_bytes;
        return Pages(kept_, std::move(memory), size_bytes);
    }
    Memory memory(static_cast<std::byte*>(std::aligned_alloc(page_bytes, size_bytes)));
    if (!memory) throw std::bad_alloc();
    return Pages(kept_, std::move(memory), size_bytes);
}

PagePool::Pages::~Pages() {
    if (!memory_ || kept_->bytes + size_bytes_ > kept_->limit_bytes) return;
    try {
        kept_->by_size[size_bytes_].push_back(std::move(memory_));
        kept_->bytes += size_bytes_;
    } catch (const std::bad_alloc&) {  // then it is freed
    }
}

std::size_t PagePool::kept_bytes() const noexcept {
    return kept_->bytes;
}

}  // namespace demofs::store
