// BLAKE2b-256 over the tags of blocks: one value that stands for all of them and their order.
//
// Threads: one at a time.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "demofs/block/block_codec.hpp"

namespace demofs::block {

class TagHash {
  public:
    TagHash();
    TagHash(TagHash&&) noexcept;
    TagHash& operator=(TagHash&&) noexcept;
    ~TagHash();

    void add(const BlockTags& tags);

    /// The hash of all that was added; the object starts anew.
    [[nodiscard]] std::array<std::byte, 32> take();

  private:
    struct State;
    void reset();
    std::unique_ptr<State> state_;
};

}  // namespace demofs::block
