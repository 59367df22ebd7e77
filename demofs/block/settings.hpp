// Tuning of the block layer; nothing here is part of the format.
#pragma once

#include <cstddef>
#include <cstdint>

namespace demofs::block {

struct BlockSettings {
    std::uint32_t segment_bytes = 64u << 20;       ///< a segment ends before it is larger; 64 KiB to 1 GiB
    std::size_t unsynced_limit_bytes = 64u << 20;  ///< writers are slowed above it
    std::size_t cache_bytes = 64u << 20;           ///< decrypted payloads kept for reading
    /// Encrypted and written in one piece. With the pages at its edges it is less than the 254 pieces of memory
    /// that a virtio disk takes in one request.
    std::size_t batch_bytes = (1u << 20) - (32u << 10);
    /// Read in one piece. Stored bytes: a MiB of 32 KiB blocks with their headers.
    std::size_t read_bytes = (1u << 20) + (16u << 10);
    std::size_t inline_crypto_bytes = 256u << 10;  ///< up to this a hop to a worker costs more than it gains
    std::size_t write_start_bytes = 256u << 10;    ///< less waits for a sync: one write instead of many
    std::size_t ready_limit_bytes = 4u << 20;      ///< encrypted but not yet written
};

}  // namespace demofs::block
