// The content of one file that was written but is not in the tree yet.
//
// The file is cut into chunks of the size of a data block, aligned in the file. Each chunk holds at most ONE
// contiguous stretch of unwritten bytes: a write that neither touches nor adjoins it sends the old stretch to
// the log first. So the memory for a chunk is bounded, and what is sent is at most one block.
//
// Invariant, kept by FileContents: a stretch that ends beyond the size in the tree begins at or beyond it or
// will be sent before that size passes its beginning: a crash never shows zeros where the size promises
// buffered data.
//
// Threads: the core. Plain memory; nothing throws but std::bad_alloc.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "demofs/base/bytes.hpp"
#include "demofs/fs/model/attributes.hpp"

namespace demofs::fs {

class DirtyFile {
  public:
    using Stretches = std::map<std::uint64_t, Bytes>;  ///< by the offset of their first byte in the file

    explicit DirtyFile(std::uint32_t chunk_bytes) : chunk_bytes_(chunk_bytes) {}

    /// The stretch in the chunk with byte `offset`, or end().
    Stretches::const_iterator in_chunk_of(std::uint64_t offset) const;
    /// The first stretch with a byte at or behind `offset`.
    Stretches::const_iterator first_ending_after(std::uint64_t offset) const;
    Stretches::const_iterator end() const { return stretches_.end(); }
    const Stretches& stretches() const { return stretches_; }

    /// Puts bytes over the chunk's stretch, which they overlap or adjoin, or into an empty chunk. `data` lies
    /// inside one chunk.
    void merge(std::uint64_t offset, ByteSpan data);
    void erase(std::uint64_t stretch_offset);

    bool empty() const { return stretches_.empty(); }
    std::uint64_t bytes() const { return bytes_; }
    /// Behind the last unwritten byte; 0 if there is none.
    std::uint64_t end_offset() const;

    /// Unwritten bytes in [from, to).
    std::uint64_t bytes_within(std::uint64_t from, std::uint64_t to) const;

    /// What the writes did to the times; they reach the tree with the bytes.
    Timestamp modified;
    Timestamp changed;

  private:
    Stretches stretches_;
    std::uint64_t bytes_ = 0;
    std::uint32_t chunk_bytes_;
};

}  // namespace demofs::fs
