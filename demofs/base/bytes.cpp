#include "demofs/base/bytes.hpp"

#include <cstdlib>
#include <new>

#include "demofs/base/transfer_memory.hpp"

namespace demofs {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t large_bytes = 256u
                                    << 10;  // of this size on, a huge page is worth what it leaves unused

std::shared_ptr<std::byte[]> whole_pages(std::size_t size) {
    if (size >= large_bytes && size <= transfer_memory_bytes) return transfer_memory();
    void* const pages = std::aligned_alloc(page_bytes, (size + page_bytes - 1) / page_bytes * page_bytes);
    if (!pages) throw std::bad_alloc();
    return {static_cast<std::byte*>(pages), std::free};
}

}  // namespace

ByteBuffer ByteBuffer::congruent(std::size_t size, std::uint64_t offset) {
    const std::size_t lead = offset % page_bytes;
    const std::shared_ptr<std::byte[]> whole = whole_pages(lead + size + 1);
    ByteBuffer buffer;
    buffer.memory_ = std::shared_ptr<std::byte[]>(whole, whole.get() + lead);
    buffer.size_ = size;
    return buffer;
}

}  // namespace demofs
