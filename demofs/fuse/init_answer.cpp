#include "demofs/fuse/init_answer.hpp"

#include <linux/fuse.h>

#include <cstddef>
#include <cstring>

namespace demofs::fuse {
namespace {

constexpr std::uint32_t wanted = FUSE_PARALLEL_DIROPS | FUSE_ABORT_ERROR;

}  // namespace

void InitAnswer::requested(ByteSpan request) noexcept {
    fuse_in_header header;
    std::uint32_t flags = 0;
    constexpr std::size_t flags_offset = sizeof header + offsetof(fuse_init_in, flags);
    if (request.size() < flags_offset + sizeof flags) return;
    std::memcpy(&header, request.data(), sizeof header);
    if (header.opcode != FUSE_INIT) return;
    std::memcpy(&flags, request.data() + flags_offset, sizeof flags);
    request_ = header.unique;
    offered_ = flags;
}

void InitAnswer::mend(std::span<iovec> answer) noexcept {
    if (request_ == 0 || answer.size() < 2) return;
    fuse_out_header header;
    std::uint32_t flags = 0;
    constexpr std::size_t flags_offset = offsetof(fuse_init_out, flags);
    if (answer[0].iov_len != sizeof header || answer[1].iov_len < flags_offset + sizeof flags) return;
    std::memcpy(&header, answer[0].iov_base, sizeof header);
    if (header.unique != request_) return;
    auto* const place = static_cast<std::byte*>(answer[1].iov_base) + flags_offset;
    std::memcpy(&flags, place, sizeof flags);
    flags |= offered_ & wanted;
    std::memcpy(place, &flags, sizeof flags);
    request_ = 0;
}

}  // namespace demofs::fuse
