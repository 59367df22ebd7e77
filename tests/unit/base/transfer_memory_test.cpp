#include "demofs/base/transfer_memory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "demofs/base/bytes.hpp"

namespace demofs {
namespace {

std::uintptr_t address(const void* memory) {
    return reinterpret_cast<std::uintptr_t>(memory);
}

TEST(TransferMemory, IsAlignedAsAHugePageIsAndWritableToItsEnd) {
    const auto memory = transfer_memory();
    EXPECT_EQ(address(memory.get()) % transfer_memory_bytes, 0u);
    std::memset(memory.get(), 7, transfer_memory_bytes);
    EXPECT_EQ(memory[transfer_memory_bytes - 1], std::byte{7});
}

TEST(TransferMemory, ServesTheNextTransferAgain) {
    const void* first = transfer_memory().get();
    EXPECT_GE(unused_transfer_bytes(), transfer_memory_bytes);
    EXPECT_EQ(transfer_memory().get(), first);
}

TEST(TransferMemory, ThatNobodyUsesIsKeptUpToALimit) {
    std::vector<std::shared_ptr<std::byte[]>> all;
    std::set<const void*> places;
    for (int i = 0; i < 10; ++i) {
        all.push_back(transfer_memory());
        places.insert(all.back().get());
    }
    EXPECT_EQ(places.size(), 10u);
    EXPECT_EQ(unused_transfer_bytes(), 0u);
    all.clear();
    EXPECT_EQ(unused_transfer_bytes(), kept_transfer_bytes);
}

TEST(TransferMemory, GoesBackFromAnyThread) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([] {
            for (int round = 0; round < 200; ++round) {
                auto memory = transfer_memory();
                memory[0] = std::byte{1};
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(unused_transfer_bytes(), kept_transfer_bytes);
}

TEST(TransferMemory, IsWhatLargeCongruentBuffersLieIn) {
    {
        const ByteBuffer large = ByteBuffer::congruent(1u << 20, 5000);
        EXPECT_EQ(address(large.data()) % transfer_memory_bytes, 5000u % 4096);
        const void* place = large.data();
        const ByteBuffer other = ByteBuffer::congruent(1u << 20, 5000);
        EXPECT_NE(other.data(), place);
    }
    // One that fits neither a huge page nor its edges lies elsewhere, and is congruent, too.
    const std::size_t before = unused_transfer_bytes();
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{100}, transfer_memory_bytes - 5000 % 4096, transfer_memory_bytes + 1}) {
        ByteBuffer buffer = ByteBuffer::congruent(size, 5000);
        EXPECT_EQ(address(buffer.data()) % 4096, 5000u % 4096) << size;
        std::memset(buffer.data(), 1, size);
        EXPECT_EQ(unused_transfer_bytes(), before) << size;
    }
}

}  // namespace
}  // namespace demofs
