// A small vault in memory that tests damage, and what was in it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "demofs/block/segment.hpp"
#include "demofs/tree/session_graph.hpp"
#include "tests/crash/vault_walk.hpp"
#include "tests/unit/fs/vault_report.hpp"

namespace demofs::crash_test {

using fs::root_inode;
using fs::test::Mount;
using fs::test::Vault;

class DamagedVault : public testing::Test {
  protected:
    DamagedVault() { configure(vault_); }

    static void configure(Vault& vault) {
        vault.tree_settings.node_bytes = 512;
        vault.tree_settings.number_reserve = 64;
        vault.tree_settings.check_before_commit = false;
        vault.fs_settings.data_block_bytes = 1024;
        vault.fs_settings.inline_bytes = 64;
        vault.may_be_damaged = true;
    }

    // Three sessions, with files inline and in blocks, a directory and a symbolic link.
    void SetUp() override {
        for (int session = 0; session < 3; ++session) {
            Mount mount(vault_);
            const std::string number = std::to_string(session);
            const InodeNumber directory = mount.directory(root_inode, "directory" + number);
            mount.write(mount.file(directory, "small"), 0, "content " + number).value();
            ASSERT_TRUE(mount.sync_all());
            versions_.push_back(vault_.disk->crashed(store::lose_unsynced()));
            mount
                .write(mount.file(directory, "large"), 0, std::string(1500, static_cast<char>('a' + session)))
                .value();
            mount.make(root_inode, "link" + number, S_IFLNK | 0777, "directory" + number).value();
            newest_ = walk(mount);
            ASSERT_EQ(mount.unmount(), nullptr);
            versions_.push_back(vault_.disk->snapshot());
        }
        vault_.recovery.known = tree::version_of(*fs::test::report_on(vault_, true).recovered.record);
        objects_ = vault_.disk->names();
        ASSERT_EQ(objects_.size(), 3u);
    }

    void restore() { vault_.disk = std::make_shared<store::MemoryDisk>(versions_.back().snapshot()); }

    // The blocks of an object, in order.
    std::vector<block::BlockAddress> blocks_of(const std::string& object) {
        std::vector<block::BlockAddress> blocks;
        for (const block::FoundBlock& block : found_blocks_of(object)) blocks.push_back(block.address);
        return blocks;
    }
    std::vector<block::FoundBlock> found_blocks_of(const std::string& object) {
        std::vector<block::FoundBlock> blocks;
        auto reading = [&]() -> fs::test::asio::awaitable<void> {
            asyncdrop::AsyncDropBox<store::ObjectStore> store =
                store::MemoryObjectStore::open(vault_.disk, vault_.store_options);
            block::SegmentCatalog catalog(*store, vault_.keys);
            co_await catalog.refresh();
            block::LogReader log(*store, catalog);
            const block::LogReader::Visitor visit = [&](const block::FoundBlock& block) {
                blocks.push_back(block);
            };
            std::vector<block::LogRange> ranges(1);
            ranges[0].segment = *block::segment_of_object(vault_.keys, object);
            const std::optional<block::SealRecord> seal = co_await log.seal_of(ranges[0].segment);
            ranges[0].begin = block::segment_header_bytes;
            ranges[0].end = static_cast<std::uint32_t>(seal->blocks_end);
            static_cast<void>(co_await log.verify(std::move(ranges), visit));
            co_await store.async_drop();
        };
        test_support::run_coroutine(vault_.context, reading());
        return blocks;
    }

    // Which of the object's bytes are more than filler.
    std::vector<bool> meaning(const std::string& object, std::size_t size) {
        restore();
        std::vector<bool> means(size, false);
        const auto mark = [&](std::uint64_t begin, std::uint64_t end) {
            std::fill(means.begin() + static_cast<std::ptrdiff_t>(begin),
                      means.begin() + static_cast<std::ptrdiff_t>(end), true);
        };
        mark(0, block::segment_header_bytes);
        mark(size - block::segment_end_bytes, size);
        for (const block::BlockAddress& address : blocks_of(object)) mark(address.offset, address.end());
        return means;
    }

    Vault vault_;
    Walk newest_;
    std::vector<store::MemoryDisk> versions_;  // in the middle and at the end of each session
    std::vector<std::string> objects_;
};

}  // namespace demofs::crash_test
