// A list of what is not used, which outlives everything that may still give memory back.
#include "demofs/base/transfer_memory.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace demofs {
namespace {

class Unused {
  public:
    Unused() { pieces_.reserve(most); }

    std::byte* take() {
        const std::lock_guard lock(mutex_);
        if (pieces_.empty()) return nullptr;
        std::byte* const piece = pieces_.back();
        pieces_.pop_back();
        return piece;
    }
    bool keep(std::byte* piece) noexcept {
        const std::lock_guard lock(mutex_);
        if (pieces_.size() == most) return false;
        pieces_.push_back(piece);  // has room
        return true;
    }
    std::size_t bytes() {
        const std::lock_guard lock(mutex_);
        return pieces_.size() * transfer_memory_bytes;
    }

  private:
    static constexpr std::size_t most = kept_transfer_bytes / transfer_memory_bytes;
    std::mutex mutex_;
    std::vector<std::byte*> pieces_;
};

Unused& unused() {
    static auto* const all = new Unused;
    return *all;
}

}  // namespace

std::shared_ptr<std::byte[]> transfer_memory() {
    std::byte* piece = unused().take();
    if (!piece) {
        piece = static_cast<std::byte*>(std::aligned_alloc(transfer_memory_bytes, transfer_memory_bytes));
        if (!piece) throw std::bad_alloc();
        // Without huge pages the memory does as well, only slower.
        static_cast<void>(::madvise(piece, transfer_memory_bytes, MADV_HUGEPAGE));
    }
    const auto give_back = [](std::byte* memory) {
        if (!unused().keep(memory)) std::free(memory);
    };
    return std::shared_ptr<std::byte[]>(piece, give_back);
}

std::size_t unused_transfer_bytes() {
    return unused().bytes();
}

}  // namespace demofs
