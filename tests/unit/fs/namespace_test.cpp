// Names: create, lookup, link, remove, attributes.
#include <algorithm>

#include "demofs/fs/namespace/change.hpp"
#include "mounted_vault.hpp"

namespace demofs::fs::test {
namespace {

using testing::IsEmpty;

class Names : public testing::Test {
  protected:
    void TearDown() override {
        EXPECT_THAT(mount.contradictions(), IsEmpty());
        EXPECT_EQ(mount.unmount(), nullptr);
        EXPECT_THAT(vault.problems, IsEmpty());
    }

    Vault vault;
    Mount mount{vault};
};

TEST_F(Names, AFreshVaultHasAnEmptyRootDirectory) {
    const Attributes root = mount.stat(root_inode).value();
    EXPECT_EQ(root.mode, S_IFDIR | 0755u);
    EXPECT_EQ(root.uid, 10u);
    EXPECT_EQ(root.gid, 20u);
    EXPECT_EQ(root.links, 2u);
    EXPECT_THAT(mount.names(root_inode), testing::ElementsAre(".", ".."));
    EXPECT_EQ(mount.lookup(root_inode, "..").value().inode, root_inode);
}

TEST_F(Names, AnInodeIsMadeWithWhatTheCallerAskedFor) {
    Create create;
    create.parent = root_inode;
    create.name = "null";
    create.mode = S_IFCHR | 0666;
    create.uid = 1;
    create.gid = 2;
    create.device = 0x103;
    create.now = {77, 88};
    const Attributes made = mount.run(create).value();
    EXPECT_EQ(made.mode, S_IFCHR | 0666u);
    EXPECT_EQ(made.uid, 1u);
    EXPECT_EQ(made.gid, 2u);
    EXPECT_EQ(made.device, 0x103u);
    EXPECT_EQ(made.links, 1u);
    EXPECT_EQ(made.accessed, (Timestamp{77, 88}));
    const Attributes found = mount.lookup(root_inode, "null").value();
    EXPECT_EQ(found.inode, made.inode);
    EXPECT_EQ(found.changed, (Timestamp{77, 88}));
    EXPECT_EQ(mount.stat(root_inode).value().modified, (Timestamp{77, 88})) << "the directory changed, too";
}

TEST_F(Names, SocketsFifosAndPlainNodesCanBeMade) {
    EXPECT_EQ(mount.make(root_inode, "fifo", S_IFIFO | 0600).value().mode, S_IFIFO | 0600u);
    EXPECT_EQ(mount.make(root_inode, "socket", S_IFSOCK | 0600).value().mode, S_IFSOCK | 0600u);
    EXPECT_EQ(mount.make(root_inode, "plain", 0600).value().mode, S_IFREG | 0600u) << "as mknod(2)";
}

TEST_F(Names, CreatingRefusesWhatPosixRefuses) {
    const InodeNumber file = mount.file(root_inode, "file");
    EXPECT_EQ(mount.make(root_inode, "file", S_IFREG).error(), std::errc::file_exists);
    EXPECT_EQ(mount.make(root_inode, ".", S_IFDIR).error(), std::errc::file_exists);
    EXPECT_EQ(mount.make(file, "x", S_IFREG).error(), std::errc::not_a_directory);
    EXPECT_EQ(mount.make(InodeNumber{999}, "x", S_IFREG).error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount.make(root_inode, std::string(256, 'x'), S_IFREG).error(), std::errc::filename_too_long);
    EXPECT_EQ(mount.make(root_inode, "", S_IFREG).error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount.make(root_inode, "a/b", S_IFREG).error(), std::errc::invalid_argument);
    EXPECT_EQ(mount.make(root_inode, "link", S_IFLNK, std::string(4096, 'x')).error(),
              std::errc::filename_too_long);
    EXPECT_EQ(mount.make(root_inode, "link", S_IFLNK, "").error(), std::errc::no_such_file_or_directory);
    EXPECT_TRUE(mount.make(root_inode, std::string(255, 'x'), S_IFREG));
}

TEST_F(Names, LookupTellsWhyItFoundNothing) {
    const InodeNumber file = mount.file(root_inode, "file");
    EXPECT_EQ(mount.lookup(root_inode, "other").error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount.lookup(file, "x").error(), std::errc::not_a_directory);
    EXPECT_EQ(mount.lookup(InodeNumber{999}, "x").error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount.stat(InodeNumber{999}).error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount.lookup(root_inode, std::string(256, 'x')).error(), std::errc::filename_too_long);
}

TEST_F(Names, ASymlinkKeepsItsTarget) {
    const std::string target(max_symlink_bytes, 't');
    const Attributes link = mount.make(root_inode, "link", S_IFLNK, target).value();
    EXPECT_EQ(link.mode, S_IFLNK | 0777u);
    EXPECT_EQ(link.size_bytes, target.size());
    EXPECT_EQ(mount.run(ReadLink{link.inode}).value(), target);
    EXPECT_EQ(mount.run(ReadLink{root_inode}).error(), std::errc::invalid_argument);
    EXPECT_EQ(mount.run(ReadLink{InodeNumber{99}}).error(), std::errc::no_such_file_or_directory);
}

TEST_F(Names, DirectoriesCountTheirSubdirectories) {
    const InodeNumber outer = mount.directory(root_inode, "outer");
    mount.directory(outer, "a");
    mount.directory(outer, "b");
    mount.file(outer, "c");
    EXPECT_EQ(mount.stat(outer).value().links, 4u);
    EXPECT_EQ(mount.stat(root_inode).value().links, 3u);
    EXPECT_EQ(mount.lookup(outer, "..").value().inode, root_inode);
    EXPECT_TRUE(mount.rmdir(outer, "a"));
    EXPECT_EQ(mount.stat(outer).value().links, 3u);
}

TEST_F(Names, ASetgidDirectoryHandsDownItsGroup) {
    Create create;
    create.parent = root_inode;
    create.name = "shared";
    create.mode = S_IFDIR | S_ISGID | 0775;
    create.gid = 500;
    create.now = mount.now();
    const InodeNumber shared = mount.run(create).value().inode;
    const Attributes file = mount.make(shared, "file", S_IFREG | 0644).value();
    EXPECT_EQ(file.gid, 500u);
    EXPECT_EQ(file.mode, S_IFREG | 0644u);
    const Attributes directory = mount.make(shared, "directory", S_IFDIR | 0755).value();
    EXPECT_EQ(directory.gid, 500u);
    EXPECT_EQ(directory.mode, S_IFDIR | S_ISGID | 0755u);
}

TEST_F(Names, RemovingRefusesWhatPosixRefuses) {
    const InodeNumber directory = mount.directory(root_inode, "directory");
    mount.file(directory, "file");
    EXPECT_EQ(mount.rmdir(root_inode, "directory").error(), std::errc::directory_not_empty);
    EXPECT_EQ(mount.unlink(root_inode, "directory").error(), std::errc::is_a_directory);
    EXPECT_EQ(mount.rmdir(directory, "file").error(), std::errc::not_a_directory);
    EXPECT_EQ(mount.unlink(directory, "other").error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount.rmdir(directory, ".").error(), std::errc::invalid_argument);
    EXPECT_EQ(mount.unlink(InodeNumber{999}, "x").error(), std::errc::no_such_file_or_directory);
}

TEST_F(Names, NothingCanBeMadeInARemovedDirectory) {
    const InodeNumber directory = mount.directory(root_inode, "directory");
    const InodeNumber file = mount.file(root_inode, "file");
    mount.fs().retain(directory);  // somebody's working directory
    ASSERT_TRUE(mount.rmdir(root_inode, "directory"));
    EXPECT_EQ(mount.stat(directory).value().links, 0u);
    EXPECT_EQ(mount.make(directory, "x", S_IFREG).error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount.link(file, directory, "x").error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount.rename(root_inode, "file", directory, "x").error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(mount.run(ReadDirectory{directory, 0, 10, false}).error(),
              std::errc::no_such_file_or_directory);
}

TEST_F(Names, AHardLinkIsAnotherNameOfTheSameFile) {
    const InodeNumber file = mount.file(root_inode, "first");
    const InodeNumber directory = mount.directory(root_inode, "directory");
    mount.write(file, 0, "content").value();
    const Attributes linked = mount.link(file, directory, "second").value();
    EXPECT_EQ(linked.inode, file);
    EXPECT_EQ(linked.links, 2u);
    EXPECT_EQ(linked.size_bytes, 7u) << "buffered content counts";
    ASSERT_TRUE(mount.unlink(root_inode, "first"));
    EXPECT_EQ(mount.stat(file).value().links, 1u);
    EXPECT_EQ(mount.content(mount.lookup(directory, "second").value().inode), "content");
    EXPECT_EQ(mount.link(directory, root_inode, "x").error(), std::errc::operation_not_permitted);
    EXPECT_EQ(mount.link(file, directory, "second").error(), std::errc::file_exists);
    EXPECT_EQ(mount.link(InodeNumber{99}, directory, "x").error(), std::errc::no_such_file_or_directory);
}

TEST_F(Names, AnUnlinkedInodeGetsNoNewName) {
    const InodeNumber file = mount.file(root_inode, "file");
    mount.fs().retain(file);
    ASSERT_TRUE(mount.unlink(root_inode, "file"));
    EXPECT_EQ(mount.link(file, root_inode, "again").error(), std::errc::no_such_file_or_directory);
}

TEST_F(Names, LinksAreLimited) {
    const InodeNumber file = mount.file(root_inode, "0");
    for (std::uint32_t i = 1; i < max_links; ++i)
        ASSERT_TRUE(mount.link(file, root_inode, std::to_string(i)));
    EXPECT_EQ(mount.stat(file).value().links, max_links);
    EXPECT_EQ(mount.link(file, root_inode, "too many").error(), std::errc::too_many_links);
}

TEST_F(Names, SettingAttributesChangesOnlyThose) {
    const InodeNumber file = mount.file(root_inode, "file");
    const Attributes before = mount.stat(file).value();
    SetAttributes set;
    set.inode = file;
    set.set_mode = true;
    set.mode = S_IFDIR | 04711;  // the type is not for changing
    set.now = {5000, 1};
    Attributes after = mount.run(set).value();
    EXPECT_EQ(after.mode, S_IFREG | 04711u);
    EXPECT_EQ(after.changed, (Timestamp{5000, 1}));
    EXPECT_EQ(after.modified, before.modified);

    SetAttributes owner;
    owner.inode = file;
    owner.set_uid = owner.set_gid = true;
    owner.uid = 7;
    owner.gid = 8;
    owner.now = {6000, 1};
    after = mount.run(owner).value();
    EXPECT_EQ(after.uid, 7u);
    EXPECT_EQ(after.gid, 8u);
    EXPECT_EQ(after.mode, S_IFREG | 04711u) << "clearing set-user-id is the kernel's request";

    SetAttributes times;
    times.inode = file;
    times.set_accessed = times.set_modified = times.set_changed = true;
    times.accessed = {-5, 999'999'999};
    times.modified = {1'600'000'000, 123'456'789};
    times.changed = {9, 9};
    times.now = {7000, 1};
    after = mount.run(times).value();
    EXPECT_EQ(after.accessed, (Timestamp{-5, 999'999'999}));
    EXPECT_EQ(after.modified, (Timestamp{1'600'000'000, 123'456'789}));
    EXPECT_EQ(after.changed, (Timestamp{9, 9}));
    EXPECT_EQ(mount.stat(file).value().modified, after.modified);
    set.inode = InodeNumber{999};
    EXPECT_EQ(mount.run(set).error(), std::errc::no_such_file_or_directory);
}

TEST_F(Names, ExplicitTimesOfABufferedFileWin) {
    const InodeNumber file = mount.file(root_inode, "file");
    mount.write(file, 0, "buffered").value();
    SetAttributes times;
    times.inode = file;
    times.set_modified = true;
    times.modified = {42, 0};
    times.now = mount.now();
    ASSERT_TRUE(mount.run(times));
    EXPECT_EQ(mount.stat(file).value().modified, (Timestamp{42, 0}));
    ASSERT_TRUE(mount.sync(file));
    EXPECT_EQ(mount.stat(file).value().modified, (Timestamp{42, 0}));
    EXPECT_EQ(mount.stat(file).value().size_bytes, 8u);
}

TEST_F(Names, AnUnlinkedInodeLivesUntilTheKernelForgetsIt) {
    const InodeNumber file = mount.file(root_inode, "file");
    mount.fs().retain(file);
    mount.fs().retain(file);
    mount.fs().start();
    ASSERT_TRUE(mount.unlink(root_inode, "file"));
    mount.fs().forget(file, 1);
    ASSERT_TRUE(mount.sync_all());
    EXPECT_TRUE(mount.stat(file));
    mount.fs().forget(file, 1);
    mount.run_until([&] { return !mount.stat(file); });
    EXPECT_EQ(mount.entries().size(), 1u) << "only the root is left";
}

TEST(ReadOnly, EveryChangeIsRefused) {
    Vault vault;
    InodeNumber file{};
    {
        Mount mount(vault);
        file = mount.file(root_inode, "file");
    }
    vault.fs_settings.read_only = true;
    Mount mount(vault);
    mount.fs().start();
    const auto rofs = std::errc::read_only_file_system;
    EXPECT_EQ(mount.lookup(root_inode, "file").value().inode, file);
    EXPECT_EQ(mount.make(root_inode, "x", S_IFREG).error(), rofs);
    EXPECT_EQ(mount.unlink(root_inode, "file").error(), rofs);
    EXPECT_EQ(mount.rename(root_inode, "file", root_inode, "x").error(), rofs);
    EXPECT_EQ(mount.link(file, root_inode, "x").error(), rofs);
    EXPECT_EQ(mount.truncate(file, 5).error(), rofs);
    EXPECT_EQ(mount.write(file, 0, "x").error(), rofs);
    EXPECT_EQ(mount.unmount(), nullptr);
}

}  // namespace
}  // namespace demofs::fs::test
