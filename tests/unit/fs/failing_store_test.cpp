// Stores that fail, fill up, or hold something else than was written: who is told, and what goes on.
#include "demofs/tree/node_codec.hpp"
#include "mounted_vault.hpp"

namespace demofs::fs::test {
namespace {

using testing::IsEmpty;

TEST(FailingStore, ErrorsStickAndEverythingIsStillTakenDown) {
    Vault vault;
    vault.faults = std::make_shared<store::FaultPlan>();
    Mount mount(vault);
    const InodeNumber file = mount.file(root_inode, "file");
    const InodeNumber untouched = mount.file(root_inode, "untouched");
    ASSERT_TRUE(mount.sync_all());
    store::Fault fault;
    fault.kind = store::OperationKind::sync;
    vault.faults->add(fault);
    mount.write(file, 0, "doomed").value();
    EXPECT_EQ(mount.sync(file).error(), std::errc::io_error);
    EXPECT_EQ(mount.sync(file).error(), std::errc::io_error) << "for ever";
    EXPECT_EQ(mount.sync(untouched).error(), std::errc::io_error);
    EXPECT_EQ(mount.sync_all().error(), std::errc::io_error);
    EXPECT_EQ(mount.fs().close_result(file).error(), std::errc::io_error);
    EXPECT_TRUE(mount.fs().close_result(untouched)) << "nothing of it is lost";
    EXPECT_EQ(mount.content(file), "doomed") << "still readable";
    EXPECT_EQ(mount.make(root_inode, "x", S_IFREG).error(), std::errc::read_only_file_system);
    EXPECT_EQ(mount.write(file, 0, "x").error(), std::errc::io_error) << "fsync tells what a write was told";
    EXPECT_EQ(mount.truncate(file, 0).error(), std::errc::read_only_file_system);
    EXPECT_THAT(mount.fs().undurable_inodes(), testing::Contains(file));
    EXPECT_FALSE(vault.problems.empty());
    EXPECT_NE(mount.unmount(), nullptr) << "the loss is reported";
}

TEST(FailingStore, WhoAsksForDurabilityIsToldThatTheDiskIsFull) {
    Vault vault;
    vault.faults = std::make_shared<store::FaultPlan>();
    Mount mount(vault);
    const InodeNumber file = mount.file(root_inode, "file");
    ASSERT_TRUE(mount.sync_all());
    store::Fault fault;
    fault.kind = store::OperationKind::append;
    fault.error = std::errc::no_space_on_device;
    vault.faults->add(fault);
    mount.write(file, 0, "doomed").value();
    EXPECT_EQ(mount.sync(file).error(), std::errc::no_space_on_device);
    EXPECT_EQ(mount.sync(file).error(), std::errc::no_space_on_device) << "for ever";
    EXPECT_EQ(mount.fs().close_result(file).error(), std::errc::no_space_on_device);
    EXPECT_EQ(mount.write(file, 0, "x").error(), std::errc::no_space_on_device);
    EXPECT_EQ(mount.content(file), "doomed") << "still readable";
    EXPECT_NE(mount.unmount(), nullptr) << "the loss is reported";
}

// A write fails in the background; the tree would only notice at its next commit.
TEST(FailingStore, NothingIsAcceptedThatCannotBeKept) {
    Vault vault;
    vault.faults = std::make_shared<store::FaultPlan>();
    Mount mount(vault);
    const InodeNumber file = mount.file(root_inode, "file");
    ASSERT_TRUE(mount.sync_all());
    store::Fault fault;
    fault.kind = store::OperationKind::append;
    fault.error = std::errc::no_space_on_device;
    vault.faults->add(fault);
    for (std::uint64_t i = 0; i < 40; ++i)
        static_cast<void>(mount.write(file, i * 100'000, text_of(100'000, 'x')));
    mount.run_until([&] { return !mount.fs().close_result(file); });
    const std::errc rofs = std::errc::read_only_file_system;
    EXPECT_EQ(mount.make(root_inode, "new", S_IFREG | 0644).error(), rofs);
    EXPECT_EQ(mount.link(file, root_inode, "link").error(), rofs);
    EXPECT_EQ(mount.rename(root_inode, "file", root_inode, "renamed").error(), rofs);
    EXPECT_EQ(mount.unlink(root_inode, "file").error(), rofs);
    EXPECT_EQ(mount.truncate(file, 0).error(), rofs);
    EXPECT_EQ(mount.fs().close_result(file).error(), std::errc::no_space_on_device);
    EXPECT_EQ(mount.write(file, 0, "x").error(), std::errc::no_space_on_device);
    EXPECT_EQ(mount.sync(file).error(), std::errc::no_space_on_device);
    EXPECT_NE(mount.unmount(), nullptr) << "the loss is reported";
}

TEST(FailingStore, EveryFailingOperationIsReportedOrHarmless) {
    for (std::uint64_t nth = 1;; ++nth) {
        SCOPED_TRACE("operation " + std::to_string(nth));
        Vault vault;
        {
            Mount mount(vault);  // format it
        }
        vault.faults = std::make_shared<store::FaultPlan>();
        store::Fault fault;
        fault.nth = nth;
        fault.persistent = true;
        vault.block_settings.segment_bytes = 64 * 1024;
        vault.faults->add(fault);
        bool failed = false;
        std::uint64_t operations = 0;
        try {
            Mount mount(vault);
            const Result<Attributes> made = mount.make(root_inode, "file", S_IFREG | 0644);
            failed = !made;
            if (made) {
                for (std::uint64_t i = 0; i < 6; ++i)
                    failed |= !mount.write(made->inode, i * 30'000, text_of(40'000, 'x'));
                failed |= !mount.sync(made->inode);
                failed |= !mount.unlink(root_inode, "file");
            }
            failed |= mount.unmount() != nullptr;
            operations = vault.faults->operations();
        } catch (const std::exception&) {
            failed = true;  // it could not even be mounted
            operations = vault.faults->operations();
        }
        if (operations < nth) {
            EXPECT_FALSE(failed);
            EXPECT_GT(nth, 8u) << "the workload was meant to use the store";
            break;
        }
        // Reads of the store that only a later step would need are the one thing that may fail unnoticed.
        EXPECT_TRUE(failed || vault.problems.empty());
        vault.faults = nullptr;
        Mount again(vault);
        EXPECT_THAT(again.contradictions(), IsEmpty());
    }
}

TEST(Damage, ADamagedBlockIsAnErrorOfThatFileOnly) {
    Vault vault;
    InodeNumber good{};
    InodeNumber bad{};
    {
        Mount mount(vault);
        good = mount.file(root_inode, "good");
        mount.write(good, 0, text_of(64 * 1024, 'g')).value();
        ASSERT_TRUE(mount.sync_all());
        EXPECT_EQ(mount.unmount(), nullptr);
    }
    const std::vector<std::string> before = vault.disk->names();
    {
        Mount mount(vault);
        bad = mount.file(root_inode, "bad");
        mount.write(bad, 0, text_of(64 * 1024, 'b')).value();
        EXPECT_EQ(mount.unmount(), nullptr);
    }
    // The last segment's data lies before its tree: flip a bit in the first data block.
    for (const std::string& name : vault.disk->names()) {
        if (std::find(before.begin(), before.end(), name) != before.end()) continue;
        Bytes bytes = vault.disk->contents(name);
        if (bytes.size() < 70'000) continue;
        bytes[20'000] ^= std::byte{1};
        vault.disk->put(name, bytes);
    }
    vault.may_be_damaged = true;  // recovery sees it, since it is in the newest commit
    Mount mount(vault);
    // A part of the block that is not damaged can be read alone; the damaged one, and the block whole, cannot.
    EXPECT_EQ(mount.read(bad, 0, 3).value(), "bbb");
    EXPECT_EQ(vault.problems.size(), 0u);
    EXPECT_EQ(mount.read(bad, 18'000, 100).error(), std::errc::io_error);
    EXPECT_EQ(mount.read(good, 0, 3).value(), "ggg");
    EXPECT_EQ(vault.problems.size(), 1u);
    EXPECT_EQ(mount.read(bad, 0, 32 * 1024).error(), std::errc::io_error);
    EXPECT_EQ(vault.problems.size(), 1u) << "told once";
    EXPECT_TRUE(mount.make(root_inode, "works", S_IFREG));
}

// Stored leaves that hold nothing but extents of a file on both sides of `offset`.
std::vector<block::BlockAddress> extent_leaves(Vault& vault, std::uint64_t offset) {
    std::vector<block::BlockAddress> leaves;
    auto work = [&]() -> asio::awaitable<void> {
        asyncdrop::AsyncDropBox<store::ObjectStore> store =
            store::MemoryObjectStore::open(vault.disk, vault.store_options);
        block::SegmentCatalog catalog(*store, vault.keys);
        co_await catalog.refresh();
        block::LogReader log(*store, catalog);
        block::LogReader::Visitor visit = [&](const block::FoundBlock& block) {
            if (block.header.kind != block::BlockKind::node || block.header.owner != 0) return;
            tree::NodeTally tally;
            const tree::NodePtr node = tree::decode_node(block.payload, tally);
            if (node->count() == 0) return;
            const tree::Key first = node->key_at(0);
            const tree::Key last = node->key_at(node->count() - 1);
            if (first.kind == tree::Kind::extent && last.kind == tree::Kind::extent && first.key <= offset &&
                last.key >= offset)
                leaves.push_back(block.address);
        };
        for (const block::ListedSegment& segment : catalog.segments()) {
            const std::optional<block::SealRecord> seal = co_await log.seal_of(segment.id);
            if (!seal) continue;
            std::vector<block::LogRange> ranges(1);
            ranges[0].segment = segment.id;
            ranges[0].begin = block::segment_header_bytes;
            ranges[0].end = static_cast<std::uint32_t>(seal->blocks_end);
            static_cast<void>(co_await log.verify(std::move(ranges), visit));
        }
        co_await store.async_drop();
    };
    test_support::run_coroutine(vault.context, work());
    return leaves;
}

TEST(Damage, ADamagedNodeOfOneFileKeepsNoOtherFromBeingWritten) {
    Vault vault;
    vault.fs_settings.data_block_bytes = 4096;
    vault.tree_settings.node_bytes = 1024;
    InodeNumber bad{};
    {
        Mount mount(vault);
        bad = mount.file(root_inode, "bad");
        for (std::uint64_t i = 0; i < 400; ++i) mount.write(bad, i * 8192, text_of(4096, 'b')).value();
        EXPECT_EQ(mount.unmount(), nullptr);
    }
    {
        Mount mount(vault);
        mount.file(root_inode, "other");
        EXPECT_EQ(mount.unmount(), nullptr);
    }
    constexpr std::uint64_t offset = std::uint64_t{200} * 8192;
    const std::vector<block::BlockAddress> leaves = extent_leaves(vault, offset);
    ASSERT_FALSE(leaves.empty());
    for (const block::BlockAddress& leaf : leaves) {
        const std::string object = block::object_name(vault.keys, leaf.segment);
        Bytes bytes = vault.disk->contents(object);
        bytes[leaf.offset + 60] ^= std::byte{1};
        vault.disk->put(object, bytes);
    }
    vault.fs_settings.dirty_data_bytes = 64 * 1024;
    Mount mount(vault);
    const InodeNumber good = mount.file(root_inode, "good");
    mount.write(good, 0, "precious").value();
    mount.write(bad, offset + 10, text_of(100, 'n')).value();  // buffered
    EXPECT_TRUE(mount.sync(good));
    EXPECT_FALSE(mount.tree().read_only());
    EXPECT_EQ(mount.sync(bad).error(), std::errc::io_error);
    for (int i = 0; i < 300; ++i) {  // more than may be buffered
        const InodeNumber file = mount.file(root_inode, "small" + std::to_string(i));
        ASSERT_TRUE(mount.write(file, 0, text_of(500, 's'))) << i;
    }
    EXPECT_TRUE(mount.write(good, 0, "again"));
    EXPECT_TRUE(mount.sync(good));
    EXPECT_THAT(vault.problems, testing::Contains(testing::HasSubstr("inode " + std::to_string(raw(bad)))));
    EXPECT_NE(mount.unmount(), nullptr) << "what was written to it is lost, and that is told";
    Mount again(vault);
    EXPECT_EQ(again.content(good).substr(0, 5), "again");
}

TEST(FailingStore, AReadErrorThatPassesEndsOneAttempt) {
    Vault vault;
    vault.fs_settings.data_block_bytes = 4096;
    vault.tree_settings.node_bytes = 1024;
    InodeNumber file{};
    {
        Mount mount(vault);
        file = mount.file(root_inode, "file");
        for (std::uint64_t i = 0; i < 400; ++i) mount.write(file, i * 8192, text_of(4096, 'b')).value();
        EXPECT_EQ(mount.unmount(), nullptr);
    }
    vault.faults = std::make_shared<store::FaultPlan>();
    Mount mount(vault);
    mount.write(file, std::uint64_t{200} * 8192 + 10, "new").value();
    store::Fault fault;
    fault.kind = store::OperationKind::read;
    vault.faults->add(fault);
    EXPECT_EQ(mount.sync(file).error(), std::errc::io_error);
    EXPECT_TRUE(mount.sync(file));
    EXPECT_EQ(mount.read(file, std::uint64_t{200} * 8192 + 10, 3).value(), "new");
    EXPECT_EQ(mount.unmount(), nullptr);
}

}  // namespace
}  // namespace demofs::fs::test
