// Directories as tables of names: collisions, size, and listing while they change.
#include <algorithm>
#include <random>
#include <set>

#include "mounted_vault.hpp"

namespace demofs::fs::test {
namespace {

using testing::IsEmpty;

std::vector<std::string> sorted(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    return names;
}

TEST(Directory, NamesWithEqualHashesLiveSideBySide) {
    Vault vault;
    vault.fs_settings.name_hash_bits = 4;
    Mount mount(vault);
    std::vector<std::string> expected{".", ".."};
    for (int i = 0; i < 1000; ++i) {
        const std::string name = "name" + std::to_string(i);
        mount.file(root_inode, name);
        expected.push_back(name);
    }
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(sorted(mount.names(root_inode, 7)), expected);
    for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(mount.lookup(root_inode, "name" + std::to_string(i)));
        EXPECT_FALSE(mount.lookup(root_inode, "other" + std::to_string(i)));
    }
    for (int i = 0; i < 1000; i += 2) ASSERT_TRUE(mount.unlink(root_inode, "name" + std::to_string(i)));
    for (int i = 0; i < 1000; ++i)
        EXPECT_EQ(mount.lookup(root_inode, "name" + std::to_string(i)).has_value(), i % 2 == 1);
    EXPECT_THAT(mount.contradictions(), IsEmpty());
}

TEST(Directory, MoreCollisionsThanSlotsAreRefusedAndRoomComesBack) {
    Vault vault;
    vault.fs_settings.name_hash_bits = 1;  // all names have hash 1
    Mount mount(vault);
    for (int i = 0; i < 128; ++i) mount.file(root_inode, std::to_string(i));
    EXPECT_EQ(mount.make(root_inode, "one more", S_IFREG).error(), std::errc::no_space_on_device);
    EXPECT_EQ(mount.rename(root_inode, "5", root_inode, "other").error(), std::errc::no_space_on_device);
    ASSERT_TRUE(mount.unlink(root_inode, "77"));
    EXPECT_TRUE(mount.make(root_inode, "one more", S_IFREG));
    EXPECT_EQ(mount.names(root_inode).size(), 130u);
    EXPECT_THAT(mount.contradictions(), IsEmpty());
}

TEST(Directory, CookiesAreAboveTwoAndBelowTwoToThe63) {
    Vault vault;
    vault.fs_settings.name_hash_bits = 1;
    Mount mount(vault);
    mount.file(root_inode, "a");
    vault.fs_settings.name_hash_bits = 56;
    const auto entries = mount.run(ReadDirectory{root_inode, 0, 10, true}).value();
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(entries[0].cookie, 1u);
    EXPECT_EQ(entries[1].cookie, 2u);
    EXPECT_GT(entries[2].cookie, 2u);
    EXPECT_LT(entries[2].cookie, std::uint64_t{1} << 63);
    EXPECT_EQ(entries[2].attributes.inode, entries[2].inode);
    EXPECT_EQ(entries[2].mode, static_cast<std::uint32_t>(S_IFREG));
    EXPECT_THAT(mount.run(ReadDirectory{root_inode, ~std::uint64_t{0}, 10, false}).value(), IsEmpty());
    EXPECT_THAT(mount.run(ReadDirectory{root_inode, 0, 0, false}).value(), IsEmpty());
    EXPECT_EQ(mount.run(ReadDirectory{entries[2].inode, 0, 10, false}).error(), std::errc::not_a_directory);
}

TEST(Directory, ListingSeesWhatStaysExactlyOnceWhileOthersComeAndGo) {
    const unsigned seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Vault vault;
    vault.fs_settings.name_hash_bits = 8;
    Mount mount(vault);
    for (int i = 0; i < 2000; ++i) {
        mount.file(root_inode, "stays" + std::to_string(i));
        mount.file(root_inode, "goes" + std::to_string(i));
    }
    std::multiset<std::string> seen;
    int next_gone = 0;
    for (std::uint64_t after = 0;;) {
        const auto entries = mount.run(ReadDirectory{root_inode, after, 1 + random() % 50, false}).value();
        if (entries.empty()) break;
        for (const DirectoryEntry& entry : entries) seen.insert(entry.name);
        after = entries.back().cookie;
        for (int i = 0; i < 20 && next_gone < 2000; ++i)
            ASSERT_TRUE(mount.unlink(root_inode, "goes" + std::to_string(next_gone++)));
        mount.file(root_inode, "comes" + std::to_string(after));
    }
    for (int i = 0; i < 2000; ++i) EXPECT_EQ(seen.count("stays" + std::to_string(i)), 1u);
    for (const std::string& name : seen) EXPECT_EQ(seen.count(name), 1u) << name;
}

TEST(Directory, AHundredThousandEntriesAreFoundListedAndSurviveRemounting) {
    constexpr int count = 100'000;
    Vault vault;
    vault.tree_settings.node_cache_bytes = 4 << 20;  // less than the directory needs: nodes come and go
    {
        Mount mount(vault);
        const InodeNumber big = mount.directory(root_inode, "big");
        for (int i = 0; i < count; ++i) {
            mount.file(big, std::to_string(i));
            if (i % 10'000 == 0) mount.await(mount.tree().throttle());
        }
        EXPECT_EQ(mount.unmount(), nullptr);
    }
    Mount mount(vault);
    const InodeNumber big = mount.lookup(root_inode, "big").value().inode;
    std::set<std::string> names;
    for (const std::string& name : mount.names(big, 1000)) EXPECT_TRUE(names.insert(name).second);
    EXPECT_EQ(names.size(), count + 2u);
    for (int i = 0; i < count; i += 997) EXPECT_TRUE(mount.lookup(big, std::to_string(i)));
    EXPECT_GT(mount.stat(big).value().size_bytes, std::uint64_t{count});
    EXPECT_GT(vault.waits, 0u) << "the cache was meant to be too small";
    EXPECT_EQ(mount.unmount(), nullptr);
}

}  // namespace
}  // namespace demofs::fs::test
