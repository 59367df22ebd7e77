// What survives: fsync and its cost, the flusher, orphans over a remount, full stores, failing stores.
#include "demofs/tree/node_codec.hpp"
#include "mounted_vault.hpp"

namespace demofs::fs::test {
namespace {

using testing::IsEmpty;

std::string text_of(std::size_t size, char c) {
    return std::string(size, c);
}

// The vault as it would be after power was lost now.
void crash(Vault& vault, Vault& after) {
    after.disk = std::make_shared<store::MemoryDisk>(vault.disk->crashed(store::lose_unsynced()));
}

TEST(Durability, WritingAndSyncingOnceCostsOneCommitAndOneSync) {
    Vault vault;
    Mount mount(vault);
    const InodeNumber file = mount.file(root_inode, "file");
    ASSERT_TRUE(mount.sync(file));  // numbers and segment are there now
    for (int i = 0; i < 5; ++i) {
        const store::StoreCounters before = *vault.counters;
        const Generation generation = mount.tree().generation();
        mount.write(file, static_cast<std::uint64_t>(i) * 4096, text_of(4096, 'x')).value();
        ASSERT_TRUE(mount.sync(file));
        EXPECT_EQ(raw(mount.tree().generation()) - raw(generation), 1u);
        EXPECT_EQ(vault.counters->syncs - before.syncs, 1u);
        EXPECT_EQ(vault.counters->creates, before.creates);
        EXPECT_EQ(vault.counters->reads, before.reads);
    }
}

TEST(Durability, SyncingWhatIsDurableCostsNothing) {
    Vault vault;
    Mount mount(vault);
    const InodeNumber file = mount.file(root_inode, "file");
    mount.write(file, 0, "content").value();
    ASSERT_TRUE(mount.sync(file));
    const store::StoreCounters before = *vault.counters;
    ASSERT_TRUE(mount.sync(file));
    ASSERT_TRUE(mount.sync(root_inode));
    ASSERT_TRUE(mount.sync_all());
    EXPECT_EQ(*vault.counters, before);
}

TEST(Durability, ACommitTakesAllContentAlongThatWasWrittenBefore) {
    Vault vault;
    Mount mount(vault);
    const InodeNumber a = mount.file(root_inode, "a");
    const InodeNumber b = mount.file(root_inode, "b");
    mount.write(a, 0, "aaa").value();
    mount.write(b, 0, "bbb").value();
    ASSERT_TRUE(mount.sync(a));
    EXPECT_EQ(mount.fs().dirty_files(), 0u);
    EXPECT_THAT(mount.fs().undurable_inodes(), IsEmpty());
    Vault after;
    crash(vault, after);
    Mount again(after);
    EXPECT_EQ(again.content(a), "aaa");
    EXPECT_EQ(again.content(b), "bbb");
}

TEST(Durability, AWriteWithoutATimeKeepsTheTimes) {
    Vault vault;
    Mount mount(vault);
    const InodeNumber file = mount.file(root_inode, "file");
    for (const std::size_t size : {std::size_t{100}, std::size_t{100'000}}) {
        const Timestamp before = mount.stat(file).value().modified;
        const std::string text(size, 'x');
        mount.await(mount.fs().write(file, 0, SharedBytes::copy_of(as_bytes(text)), std::nullopt)).value();
        EXPECT_EQ(mount.stat(file).value().modified, before);
        ASSERT_TRUE(mount.sync(file));
        EXPECT_EQ(mount.stat(file).value().modified, before);
    }
}

TEST(Durability, ASyncedDirectoryKeepsItsEntries) {
    Vault vault;
    Mount mount(vault);
    const InodeNumber directory = mount.directory(root_inode, "directory");
    ASSERT_TRUE(mount.sync(directory));
    mount.file(directory, "file");
    ASSERT_TRUE(mount.sync(directory));
    mount.file(directory, "lost");
    Vault after;
    crash(vault, after);
    Mount again(after);
    EXPECT_TRUE(again.lookup(directory, "file"));
    EXPECT_FALSE(again.lookup(directory, "lost"));
}

TEST(Durability, ConcurrentSyncsShareACommit) {
    Vault vault;
    Mount mount(vault);
    std::vector<InodeNumber> files;
    for (int i = 0; i < 20; ++i) files.push_back(mount.file(root_inode, std::to_string(i)));
    ASSERT_TRUE(mount.sync_all());
    for (const InodeNumber file : files) mount.write(file, 0, "content").value();
    const Generation generation = mount.tree().generation();
    std::size_t done = 0;
    for (const InodeNumber file : files) {
        asio::co_spawn(vault.context, mount.fs().sync(file),
                       [&](std::exception_ptr error, Result<Nothing> result) {
                           EXPECT_EQ(error, nullptr);
                           EXPECT_TRUE(result);
                           ++done;
                       });
    }
    mount.run_until([&] { return done == files.size(); });
    EXPECT_LE(raw(mount.tree().generation()) - raw(generation), 2u);
}

TEST(Durability, TheFlusherMakesEverythingDurableByItself) {
    Vault vault;
    vault.fs_settings.commit_interval = std::chrono::milliseconds(1);
    Mount mount(vault);
    mount.fs().start();
    const InodeNumber file = mount.file(root_inode, "file");
    mount.write(file, 0, "content").value();
    mount.run_until([&] { return mount.fs().undurable_inodes().empty(); });
    Vault after;
    crash(vault, after);
    Mount again(after);
    EXPECT_EQ(again.content(file), "content");
}

TEST(Durability, UnmountingWritesEverything) {
    Vault vault;
    InodeNumber file{};
    {
        Mount mount(vault);
        file = mount.file(root_inode, "file");
        mount.write(file, 100'000, "content").value();
        mount.open_file(file);  // never released
        EXPECT_EQ(mount.unmount(), nullptr);
    }
    Vault after;
    crash(vault, after);
    Mount again(after);
    EXPECT_EQ(again.read(file, 100'000, 10).value(), "content");
}

TEST(Durability, OrphansOfAnEarlierMountAreFreed) {
    Vault vault;
    {
        Mount mount(vault);
        const InodeNumber open = mount.file(root_inode, "open");
        mount.open_file(open);
        for (std::uint64_t i = 0; i < 600; ++i) mount.write(open, i * 65536, text_of(32768, 'x')).value();
        ASSERT_TRUE(mount.unlink(root_inode, "open"));
        const InodeNumber small = mount.file(root_inode, "small");
        mount.write(small, 0, "small").value();
        mount.fs().retain(small);
        ASSERT_TRUE(mount.unlink(root_inode, "small"));
        ASSERT_TRUE(mount.sync_all());
        EXPECT_EQ(mount.tree().counters().inodes, 3u);
        EXPECT_EQ(mount.unmount(), nullptr);
    }
    Mount mount(vault);
    EXPECT_EQ(mount.tree().counters().inodes, 3u);
    EXPECT_THAT(mount.contradictions(), IsEmpty());
    mount.fs().start();
    mount.run_until([&] { return mount.tree().counters().inodes == 1; });
    EXPECT_EQ(mount.tree().counters().data_bytes, 0u);
    EXPECT_EQ(mount.entries().size(), 1u);
}

TEST(Durability, AReclaimThatWasInterruptedGoesOnAtTheNextMount) {
    Vault vault;
    std::size_t before = 0;
    {
        Mount mount(vault);
        const InodeNumber file = mount.file(root_inode, "file");
        for (std::uint64_t i = 0; i < 2000; ++i) mount.write(file, i * 65536, text_of(32768, 'x')).value();
        ASSERT_TRUE(mount.unlink(root_inode, "file"));
        mount.fs().start();
        before = mount.entries().size();
        mount.run_until([&] { return mount.entries().size() < before; });
        EXPECT_EQ(mount.unmount(), nullptr);
    }
    Mount mount(vault);
    EXPECT_GT(mount.entries().size(), 1u) << "the drop must not finish the work";
    EXPECT_THAT(mount.contradictions(), IsEmpty());
    mount.fs().start();
    mount.run_until([&] { return mount.entries().size() == 1; });
}

TEST(Durability, AFullStoreRefusesWritesAndLetsDeletesGo) {
    Vault vault;
    vault.store_options.capacity_bytes = 8 << 20;
    vault.fs_settings.reserve_bytes = 1 << 20;  // of which a sixteenth of the capacity is used
    Mount mount(vault);
    const InodeNumber file = mount.file(root_inode, "file");
    std::uint64_t written = 0;
    Result<std::size_t> result = std::size_t{0};
    while (written < 100'000'000) {
        result = mount.write(file, written, text_of(100'000, 'x'));
        if (!result) break;
        written += *result;
    }
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), std::errc::no_space_on_device);
    EXPECT_GT(written, 5u << 20);
    EXPECT_LT(mount.await(mount.fs().space()).value().free_bytes, 200'000u);
    bool refused = false;
    for (int i = 0; i < 5000 && !refused; ++i) refused = !mount.make(root_inode, std::to_string(i), S_IFREG);
    EXPECT_TRUE(refused) << "names need space, too";
    ASSERT_TRUE(mount.sync_all()) << "what was admitted fits";
    EXPECT_TRUE(mount.unlink(root_inode, "file"));
    EXPECT_TRUE(mount.sync_all());
    EXPECT_EQ(mount.unmount(), nullptr);
    EXPECT_THAT(vault.problems, testing::ElementsAre(testing::HasSubstr("no space left"))) << "told once";
}

TEST(Durability, SpaceIsReported) {
    Vault vault;
    vault.store_options.capacity_bytes = 1 << 30;
    Mount mount(vault);
    mount.file(root_inode, "file");
    const FilesystemSpace space = mount.await(mount.fs().space()).value();
    EXPECT_EQ(space.total_bytes, 1u << 30);
    EXPECT_LT(space.free_bytes, (1u << 30) - (60u << 20)) << "without the reserve";
    EXPECT_EQ(space.inodes, 2u);
}

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

// --- limits --------------------------------------------------------------------------------------

TEST(Limits, NamesAndAttributesAreSlowedAtTheLimitAsContentIs) {
    Vault vault;
    constexpr std::size_t limit = 256 * 1024;
    vault.tree_settings.node_cache_bytes = limit;
    vault.tree_settings.check_before_commit = false;
    Mount mount(vault);
    std::size_t most = 0;
    const auto note = [&] { most = std::max(most, mount.tree().resident_bytes()); };
    std::vector<InodeNumber> files;
    for (int i = 0; i < 4000; ++i) {
        files.push_back(mount.file(root_inode, "some-file-name-" + std::to_string(i)));
        note();
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
        const std::string name = "some-file-name-" + std::to_string(i);
        ASSERT_TRUE(mount.truncate(files[i], 100));
        ASSERT_TRUE(mount.link(files[i], root_inode, name + "-again"));
        ASSERT_TRUE(mount.rename(root_inode, name, root_inode, name + "-new"));
        ASSERT_TRUE(mount.unlink(root_inode, name + "-new"));
        note();
    }
    EXPECT_LT(most, 3 * limit);
    EXPECT_EQ(mount.unmount(), nullptr);
}

TEST(Limits, SyncingBesideManyDirtyFilesLetsOthersRun) {
    Vault vault;
    vault.tree_settings.check_before_commit = false;
    Mount mount(vault);
    std::vector<InodeNumber> files;
    for (int i = 0; i < 20'000; ++i) files.push_back(mount.file(root_inode, "f" + std::to_string(i)));
    for (const InodeNumber file : files) mount.write(file, 0, text_of(700, 'a')).value();
    ASSERT_GT(mount.fs().dirty_files(), 10'000u);
    bool done = false;
    asio::co_spawn(vault.context, mount.fs().sync(files.front()),
                   [&](std::exception_ptr, Result<Nothing>) { done = true; });
    // How many files were flushed in one piece, at most.
    std::size_t most = 0;
    vault.context.restart();
    while (!done) {
        const std::size_t before = mount.fs().dirty_files();
        vault.context.run_one();
        most = std::max(most, before - mount.fs().dirty_files());
    }
    EXPECT_EQ(mount.fs().dirty_files(), 0u);
    EXPECT_LT(most, 5'000u) << "the core was held";
    EXPECT_EQ(mount.unmount(), nullptr);
}

}  // namespace
}  // namespace demofs::fs::test
