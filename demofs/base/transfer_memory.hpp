// Memory for large transfers to the disk: huge pages where the system has them, kept for the next transfer.
//
// A transfer of a megabyte from ordinary memory costs a page fault for each 4 KiB that is fresh, and names as
// many pages to the disk; more than the device takes in one request (254 for a virtio disk) becomes two. A huge
// page is one fault and one piece.
//
// Threads: any. At most `kept_transfer_bytes` are kept while nobody uses them.
#pragma once

#include <cstddef>
#include <memory>

namespace demofs {

/// What one piece of memory holds; it starts at a multiple of this, too.
inline constexpr std::size_t transfer_memory_bytes = 2u << 20;

/// A piece of memory that goes back when its last owner does. Throws std::bad_alloc.
[[nodiscard]] std::shared_ptr<std::byte[]> transfer_memory();

/// How much is kept at most, of what nobody uses, and how much is.
inline constexpr std::size_t kept_transfer_bytes = 8u << 20;
[[nodiscard]] std::size_t unused_transfer_bytes();

}  // namespace demofs
