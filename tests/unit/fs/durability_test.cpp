// What survives: fsync and its cost, the flusher, orphans over a remount, full stores, limits of what is not durable.
#include "mounted_vault.hpp"

namespace demofs::fs::test {
namespace {

using testing::IsEmpty;

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
