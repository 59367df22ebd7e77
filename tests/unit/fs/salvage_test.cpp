#include "demofs/fs/salvage/salvage.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "demofs/block/segment_scan.hpp"
#include "demofs/fs/records/dirent_record.hpp"
#include "demofs/fs/records/keys.hpp"
#include "demofs/tree/session_graph.hpp"
#include "salvaged_vault.hpp"
#include "vault_report.hpp"

namespace demofs::fs::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::size_t block_bytes = 4096;

SalvagedRange range(std::uint64_t offset, std::uint64_t bytes, SalvagedRange::Kind kind) {
    SalvagedRange made;
    made.offset = offset;
    made.bytes = bytes;
    made.kind = kind;
    return made;
}

// Without the generation.
auto is_range(const SalvagedRange& expected) {
    return AllOf(Field(&SalvagedRange::offset, expected.offset), Field(&SalvagedRange::bytes, expected.bytes),
                 Field(&SalvagedRange::kind, expected.kind));
}

// Bytes that differ from block to block, and from those of other letters.
std::string content_of(char letter, std::size_t blocks) {
    std::string content;
    for (std::size_t i = 0; i < blocks; ++i) {
        content += std::string(block_bytes, letter);
        content[content.size() - block_bytes] = static_cast<char>('0' + i);
    }
    return content;
}

class SalvageTest : public testing::Test {
  protected:
    SalvageTest() {
        vault.fs_settings.data_block_bytes = block_bytes;
        vault.fs_settings.inline_bytes = 64;
        vault.tree_settings.node_bytes = 512;
        vault.may_be_damaged = true;
    }

    // A directory with a small file, one of ten blocks and a symbolic link; a second name of the small one.
    void fill() {
        Mount mount(vault);
        const InodeNumber directory = mount.directory(root_inode, "dir");
        small = mount.file(directory, "small");
        mount.write(small, 0, "a few bytes").value();
        mount.link(small, root_inode, "again").value();
        mount.make(directory, "symlink", S_IFLNK | 0777, "../again").value();
        large = mount.file(directory, "large");
        mount.write(large, 0, content_of('a', 10)).value();
        ASSERT_EQ(mount.unmount(), nullptr);
    }

    Salvaged& salvage(SalvageSettings settings = {}) {
        salvaged = std::make_unique<Salvaged>();
        salvage_into(*salvaged, vault, std::move(settings));
        return *salvaged;
    }

    // The blocks of all segments that `chosen` takes, newest segment first.
    std::vector<block::ScannedBlock> blocks(const std::function<bool(const block::ScannedBlock&)>& chosen) {
        std::vector<block::ScannedBlock> found;
        auto work = [&]() -> asio::awaitable<void> {
            asyncdrop::AsyncDropBox<store::ObjectStore> store =
                store::MemoryObjectStore::open(vault.disk, vault.store_options);
            block::SegmentCatalog catalog(*store, vault.keys);
            co_await catalog.refresh();
            for (const block::ListedSegment& listed : catalog.segments()) {
                block::SharedSegment segment = co_await catalog.find(listed.id);
                block::SegmentScan scan(*store, std::move(segment), listed.size_bytes);
                while (true) {
                    const std::optional<block::ScannedBlock> block = co_await scan.next();
                    if (!block) break;
                    if (chosen(*block)) found.push_back(*block);
                }
            }
            co_await store.async_drop();
        };
        test_support::run_coroutine(vault.context, work());
        return found;
    }
    static bool is_data(const block::ScannedBlock& block) {
        return block.header.kind == block::BlockKind::data;
    }
    static bool is_node(const block::ScannedBlock& block) {
        return block.header.kind == block::BlockKind::node;
    }
    static bool is_commit(const block::ScannedBlock& block) {
        return block.header.kind == block::BlockKind::commit;
    }

    void flip(const std::string& object, std::uint64_t offset) {
        Bytes bytes = vault.disk->contents(object);
        bytes.at(offset) ^= std::byte{1};
        vault.disk->put(object, bytes);
    }
    void damage_header(const block::ScannedBlock& block) {
        flip(object_name(vault.keys, block.address.segment), block.address.offset + 5);
    }
    void damage_payload(const block::ScannedBlock& block, std::uint32_t at = 0) {
        flip(object_name(vault.keys, block.address.segment), block.address.offset + 48 + at);
    }
    void damage_all(const std::function<bool(const block::ScannedBlock&)>& chosen) {
        const auto found = blocks(chosen);
        ASSERT_FALSE(found.empty());
        for (const block::ScannedBlock& block : found) damage_payload(block);
    }

    void expect_everything(const Salvaged& found) {
        EXPECT_TRUE(found.report.is_complete());
        EXPECT_THAT(found.report.findings, IsEmpty());
        expect_contents(found);
    }
    void expect_contents(const Salvaged& found) {
        EXPECT_TRUE(found.output.content("dir/large") == content_of('a', 10));
        EXPECT_EQ(found.output.content("again"), "a few bytes");
        EXPECT_EQ(found.output.content("dir/small"), "a few bytes");
        EXPECT_EQ(found.output.content("dir/symlink"), "../again");
    }

    Vault vault;
    InodeNumber small{};
    InodeNumber large{};
    std::unique_ptr<Salvaged> salvaged;
};

TEST_F(SalvageTest, OfAWholeVaultEverythingIsThere) {
    fill();
    const Salvaged& found = salvage();
    expect_everything(found);
    EXPECT_THAT(found.report.notes, IsEmpty());
    EXPECT_EQ(found.report.files, 2u);
    EXPECT_EQ(found.report.links, 1u);
    EXPECT_EQ(found.report.directories, 1u);
    EXPECT_EQ(found.report.symlinks, 1u);
    EXPECT_EQ(found.report.content_bytes, 10 * block_bytes + 11);
    EXPECT_EQ(found.output.entries.size(), 5u);
    EXPECT_TRUE(found.report.lost_folder.empty());
    const MemoryOutput::Entry& file = found.output.entries.at("dir/large");
    ASSERT_TRUE(file.attributes);
    EXPECT_EQ(file.attributes->mode, 0644u);
    EXPECT_EQ(file.attributes->uid, 10u);
    EXPECT_EQ(file.attributes->gid, 20u);
    EXPECT_GT(file.attributes->modified.seconds, 1000);
    EXPECT_TRUE(found.output.entries.at("dir").finished);
    EXPECT_EQ(found.output.entries.at("dir").attributes->mode, 0755u);
}

TEST_F(SalvageTest, OfManySessionsTheNewestStateIsTaken) {
    fill();
    {
        Mount mount(vault);
        const InodeNumber directory = mount.lookup(root_inode, "dir").value().inode;
        mount.write(large, 2 * block_bytes, std::string(100, 'b')).value();
        mount.truncate(large, 5 * block_bytes).value();
        mount.rename(directory, "small", root_inode, "moved").value();
        mount.unlink(root_inode, "again").value();
        mount.unlink(directory, "symlink").value();
        mount.file(directory, "empty");
        mount.truncate(mount.file(directory, "hole"), 100'000).value();
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    const Salvaged& found = salvage();
    EXPECT_TRUE(found.report.is_complete()) << testing::PrintToString(found.report.notes);
    std::string expected = content_of('a', 5);
    expected.replace(2 * block_bytes, 100, std::string(100, 'b'));
    EXPECT_EQ(found.output.content("dir/large"), expected);
    EXPECT_EQ(found.output.content("moved"), "a few bytes");
    EXPECT_EQ(found.output.content("dir/empty"), "");
    EXPECT_EQ(found.output.content("dir/hole"), std::string(100'000, '\0'));
    EXPECT_EQ(found.output.entries.size(), 5u);
}

TEST_F(SalvageTest, WithoutAnyCommitRecordNamesAndContentsAreThere) {
    fill();
    damage_all(is_commit);
    const Salvaged& found = salvage();
    EXPECT_FALSE(found.report.is_complete());
    EXPECT_FALSE(found.report.tree_is_whole);
    EXPECT_THAT(found.report.notes, Contains(HasSubstr("not known which commit")));
    expect_contents(found);
}

TEST_F(SalvageTest, WithoutAnyInnerNodeNamesAndContentsAreThere) {
    fill();
    damage_all([](const block::ScannedBlock& block) {
        return is_commit(block) || (is_node(block) && block.header.owner > 0);
    });
    expect_contents(salvage());
}

TEST_F(SalvageTest, WithoutATreeContentsAreFoundByTheHeadersOfTheirBlocks) {
    fill();
    {
        Mount mount(vault);
        mount.write(large, block_bytes, content_of('b', 1)).value();
        mount.write(large, 3 * block_bytes + 50, "newer").value();
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    damage_all([](const block::ScannedBlock& block) { return is_commit(block) || is_node(block); });
    const Salvaged& found = salvage();
    std::string expected = content_of('a', 10);
    expected.replace(block_bytes, block_bytes, content_of('b', 1));
    expected.replace(3 * block_bytes + 50, 5, "newer");
    const std::string path = "lost+found/inode-" + std::to_string(raw(large));
    EXPECT_EQ(found.output.content(path), expected);
    EXPECT_EQ(found.report.lost_folder, "lost+found");
    EXPECT_EQ(found.report.files, 1u);
    EXPECT_EQ(found.report.by_header_bytes, 10 * block_bytes);
    ASSERT_THAT(found.findings(path), SizeIs(1));
    EXPECT_THAT(found.findings(path)[0].what, HasSubstr("name and attributes are lost"));
    EXPECT_THAT(found.findings(path)[0].ranges,
                Each(Field(&SalvagedRange::kind, SalvagedRange::Kind::by_header)));
    EXPECT_FALSE(found.output.entries.at(path).attributes);
}

TEST_F(SalvageTest, OneOfTheTwoCopiesOfAHeaderIsEnough) {
    fill();
    for (const std::string& object : vault.disk->names()) flip(object, 20);
    expect_everything(salvage());
    for (const std::string& object : vault.disk->names()) flip(object, 20);  // mended
    for (const std::string& object : vault.disk->names())
        flip(object, vault.disk->contents(object).size() - 50);
    expect_everything(salvage());
}

TEST_F(SalvageTest, WithoutBothCopiesTheSegmentIsLostAndSaidToBe) {
    fill();
    for (const std::string& object : vault.disk->names()) {
        flip(object, 20);
        flip(object, vault.disk->contents(object).size() - 50);
    }
    const Salvaged& found = salvage();
    EXPECT_TRUE(found.report.is_empty());
    EXPECT_FALSE(found.report.is_complete());
    EXPECT_EQ(found.report.unreadable_segments, 1u);
    EXPECT_THAT(found.report.notes, Contains(HasSubstr("1 of 1 segments cannot be opened")));
}

TEST_F(SalvageTest, ADamagedPieceIsAHoleOfItsSizeAndTheRestIsThere) {
    vault.fs_settings.data_block_bytes = 4 * block_bytes;
    Mount mount(vault);
    large = mount.file(root_inode, "large");
    mount.write(large, 0, content_of('a', 8)).value();
    ASSERT_EQ(mount.unmount(), nullptr);
    const auto data = blocks(is_data);
    ASSERT_EQ(data.size(), 2u);
    damage_payload(data[1], 4096 + 16 + 7);  // its second piece
    const Salvaged& found = salvage();
    std::string expected = content_of('a', 8);
    expected.replace(5 * block_bytes, block_bytes, std::string(block_bytes, '\0'));
    EXPECT_EQ(found.output.content("large"), expected);
    EXPECT_FALSE(found.report.is_complete());
    EXPECT_EQ(found.report.missing_bytes, block_bytes);
    ASSERT_THAT(found.findings("large"), SizeIs(1));
    EXPECT_THAT(found.findings("large")[0].ranges,
                ElementsAre(is_range(range(5 * block_bytes, block_bytes, SalvagedRange::Kind::missing))));
    EXPECT_EQ(raw(found.findings("large")[0].ranges[0].generation), data[1].header.birth_generation);
}

TEST_F(SalvageTest, ABlockWithADamagedHeaderIsReadByItsAddress) {
    fill();
    for (const block::ScannedBlock& block : blocks(is_data)) damage_header(block);
    expect_everything(salvage());
}

TEST_F(SalvageTest, AnOlderBlockStandsInForOneThatCannotBeRead) {
    fill();
    {
        Mount mount(vault);
        mount.write(large, block_bytes, content_of('b', 2)).value();
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    const auto newer = blocks([&](const block::ScannedBlock& block) {
        return is_data(block) && block.header.position == 2 * block_bytes &&
               block.header.birth_generation > 2;
    });
    ASSERT_EQ(newer.size(), 1u);
    damage_payload(newer[0]);
    const Salvaged& found = salvage();
    std::string expected = content_of('a', 10);
    expected.replace(block_bytes, block_bytes, content_of('b', 1));
    EXPECT_EQ(found.output.content("dir/large"), expected);
    EXPECT_EQ(found.report.older_bytes, block_bytes);
    ASSERT_THAT(found.findings("dir/large"), SizeIs(1));
    const std::vector<SalvagedRange> ranges = found.findings("dir/large")[0].ranges;
    EXPECT_THAT(ranges,
                ElementsAre(is_range(range(2 * block_bytes, block_bytes, SalvagedRange::Kind::older))));
    EXPECT_LT(raw(ranges[0].generation), newer[0].header.birth_generation);
}

TEST_F(SalvageTest, OfALostSegmentOnlyItsBytesAreMissing) {
    fill();
    const std::vector<std::string> before = vault.disk->names();
    {
        Mount mount(vault);
        mount.write(large, 10 * block_bytes, content_of('b', 3)).value();
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    const Bytes whole = vault.disk->contents(before[0]);
    vault.disk->erase(before[0]);
    const Salvaged& found = salvage();
    EXPECT_TRUE(found.output.has_content(std::string(10 * block_bytes, '\0') + content_of('b', 3)));
    EXPECT_EQ(found.report.missing_bytes, 10 * block_bytes);
    vault.disk->put(before[0], whole);
    EXPECT_TRUE(salvage().report.is_complete());
}

TEST_F(SalvageTest, ACutSegmentGivesWhatIsLeftOfIt) {
    fill();
    const auto data = blocks(is_data);
    ASSERT_EQ(data.size(), 10u);
    const std::string object = vault.disk->names()[0];
    const Bytes bytes = vault.disk->contents(object);
    vault.disk->put(object, ByteSpan(bytes).first(data[4].address.end() + 20));
    const Salvaged& found = salvage();
    EXPECT_EQ(found.output.content("lost+found/inode-" + std::to_string(raw(large))), content_of('a', 5));
}

// A commit that is lost without a trace cannot be told from one that was never made, but by who has seen it.
TEST_F(SalvageTest, ACommitThatIsKnownToBeLostIsLookedForInWhatIsLeft) {
    fill();
    const tree::ReplicaVersion known = tree::version_of(*report_on(vault, false).recovered.record);
    const auto records = blocks(is_commit);
    const std::string object = vault.disk->names()[0];
    const Bytes bytes = vault.disk->contents(object);
    vault.disk->put(object, ByteSpan(bytes).first(records.back().address.offset));
    {
        const Salvaged& found = salvage();
        EXPECT_FALSE(found.output.has("dir/large"));
        EXPECT_EQ(found.output.content("lost+found/inode-" + std::to_string(raw(large))),
                  content_of('a', 10));
        EXPECT_FALSE(found.report.is_complete());
    }
    SalvageSettings settings;
    settings.known = known;
    const Salvaged& found = salvage(settings);
    EXPECT_FALSE(found.report.is_complete());
    expect_contents(found);
}

TEST_F(SalvageTest, WhatWasNeverCommittedChangesNoFile) {
    fill();
    const std::vector<std::string> before = vault.disk->names();
    InodeNumber fresh{};
    {
        Mount mount(vault);
        mount.file(root_inode, "first");  // new numbers are committed before they are used
        mount.write(large, 0, content_of('b', 3)).value();
        fresh = mount.file(root_inode, "fresh");
        mount.write(fresh, 0, content_of('c', 2)).value();
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    for (const std::string& object : vault.disk->names()) {
        if (object == before[0]) continue;
        const auto data = blocks([&](const block::ScannedBlock& block) {
            return is_data(block) && object_name(vault.keys, block.address.segment) == object;
        });
        ASSERT_EQ(data.size(), 5u);
        const Bytes bytes = vault.disk->contents(object);
        vault.disk->put(object, ByteSpan(bytes).first(data.back().address.end()));
    }
    const Salvaged& found = salvage();
    expect_contents(found);
    EXPECT_THAT(found.report.notes,
                Contains(HasSubstr("12288 bytes of files were written after the newest commit")));
    EXPECT_EQ(found.output.content("lost+found/inode-" + std::to_string(raw(fresh))), content_of('c', 2));
    EXPECT_FALSE(found.output.has("fresh"));
}

TEST_F(SalvageTest, DamageInTheMiddleDoesNotHideWhatComesBehind) {
    fill();
    damage_all([](const block::ScannedBlock& block) { return is_commit(block) || is_node(block); });
    const auto data = blocks(is_data);
    const std::string object = vault.disk->names()[0];
    Bytes bytes = vault.disk->contents(object);
    // From the middle of the third block to the middle of the fifth, so that no length leads on.
    for (std::size_t i = data[2].address.offset + 100; i < data[4].address.offset + 100; ++i)
        bytes[i] = std::byte(i * 7 + 1);
    vault.disk->put(object, bytes);
    const Salvaged& found = salvage();
    std::string expected = content_of('a', 10);
    expected.replace(2 * block_bytes, 3 * block_bytes, std::string(3 * block_bytes, '\0'));
    EXPECT_EQ(found.output.content("lost+found/inode-" + std::to_string(raw(large))), expected);
    EXPECT_GT(found.report.damaged_bytes, 0u);
}

TEST_F(SalvageTest, ALostLeafCostsNamesAndOldOnesStandIn) {
    fill();
    {
        Mount mount(vault);
        mount.write(large, 0, content_of('b', 1)).value();
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    // All leaves of the second session: those of the first are the newest that are left.
    const auto newest = blocks([](const block::ScannedBlock& block) { return is_node(block); }).front();
    damage_all([&](const block::ScannedBlock& block) {
        return is_node(block) && block.header.owner == 0 && block.address.segment == newest.address.segment;
    });
    const Salvaged& found = salvage();
    EXPECT_GT(found.report.lost_nodes, 0u);
    EXPECT_THAT(found.report.notes, Contains(HasSubstr("Older ones stand in")));
    std::string expected = content_of('a', 10);
    expected.replace(0, block_bytes, content_of('b', 1));  // newer than the leaf that is left
    EXPECT_EQ(found.output.content("dir/large"), expected);
    EXPECT_THAT(found.findings("dir/large"), SizeIs(1));
    EXPECT_EQ(found.output.content("dir/small"), "a few bytes");
}

TEST_F(SalvageTest, DeletedFilesStayDeletedWhereTheTreeSaysSo) {
    fill();
    {
        Mount mount(vault);
        const InodeNumber directory = mount.lookup(root_inode, "dir").value().inode;
        mount.unlink(directory, "large").value();
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    const Salvaged& found = salvage();
    EXPECT_TRUE(found.report.is_complete());
    EXPECT_FALSE(found.output.has("dir/large"));
    EXPECT_FALSE(found.output.has_content(content_of('a', 10)));
}

TEST_F(SalvageTest, NamesThatWouldLeaveTheFolderAreNotUsed) {
    fill();
    {
        Mount mount(vault);
        tree::Changes changes;
        std::uint64_t cookie = 1000;
        for (const char* const name : {"..", ".", "a/b", "../../x"}) {
            DirentRecord record;
            record.inode = small;
            record.type = S_IFREG;
            record.name = name;
            changes.put(dirent_key(root_inode, cookie++), encode(record));
        }
        DirentRecord directory;
        directory.inode = mount.directory(root_inode, "inside");
        directory.type = S_IFDIR;
        directory.name = "../outside";
        changes.put(dirent_key(root_inode, cookie), encode(directory));
        static_cast<void>(mount.await(mount.tree().retry([&] { return mount.tree().apply(changes); })));
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    const Salvaged& found = salvage();
    for (const auto& [path, entry] : found.output.entries) {
        EXPECT_THAT(path, Not(HasSubstr(".."))) << path;
    }
    EXPECT_TRUE(found.output.has_content("a few bytes"));
    EXPECT_THAT(found.report.findings,
                Contains(Field(&SalvagedFile::what, HasSubstr("cannot be used here"))));
}

TEST_F(SalvageTest, WhatTheOutputRefusesGoesWhereTheNamelessAre) {
    fill();
    salvaged = std::make_unique<Salvaged>();
    salvaged->output.refused = {"dir/large", "dir/symlink", "dir"};
    salvage_into(*salvaged, vault);
    const Salvaged& found = *salvaged;
    EXPECT_TRUE(found.output.has_content(content_of('a', 10)));
    EXPECT_THAT(
        found.report.findings,
        Contains(Field(&SalvagedFile::what, HasSubstr("its name was \"dir\", which cannot be used"))));
}

TEST_F(SalvageTest, AFileThatIsTooLargeForTheOutputIsSaidToBe) {
    fill();
    salvaged = std::make_unique<Salvaged>();
    salvaged->output.largest_file_bytes = 1000;
    salvage_into(*salvaged, vault);
    ASSERT_THAT(salvaged->findings("dir/large"), SizeIs(1));
    EXPECT_THAT(salvaged->findings("dir/large")[0].what, HasSubstr("its size of 40960 bytes"));
    EXPECT_EQ(salvaged->output.content("dir/large"), content_of('a', 10));
}

TEST_F(SalvageTest, AFolderThatIsCalledLostAndFoundIsNotMixedUp) {
    {
        Mount mount(vault);
        const InodeNumber folder = mount.directory(root_inode, "lost+found");
        mount.write(mount.file(folder, "mine"), 0, "mine").value();
        large = mount.file(folder, "large");
        mount.write(large, 0, content_of('a', 2)).value();
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    salvaged = std::make_unique<Salvaged>();
    salvaged->output.refused = {"lost+found/large"};
    salvage_into(*salvaged, vault);
    EXPECT_EQ(salvaged->report.lost_folder, "lost+found+");
    EXPECT_EQ(salvaged->output.content("lost+found/mine"), "mine");
    EXPECT_EQ(salvaged->output.content("lost+found+/inode-" + std::to_string(raw(large))),
              content_of('a', 2));
}

// Two machines gave the same numbers to different files.
TEST_F(SalvageTest, BlocksOfTwoHistoriesAreNeverMixed) {
    fill();
    const store::MemoryDisk common = vault.disk->snapshot();
    const auto write = [this](char letter, std::size_t blocks) {
        Mount mount(vault);
        mount.write(mount.file(root_inode, std::string(1, letter)), 0, content_of(letter, blocks)).value();
        static_cast<void>(mount.sync_all());
        ASSERT_EQ(mount.unmount(), nullptr);
    };
    write('x', 6);
    const store::MemoryDisk left = vault.disk->snapshot();
    vault.disk = std::make_shared<store::MemoryDisk>(common.snapshot());
    write('y', 3);
    for (const std::string& name : left.names()) {
        if (!vault.disk->contains(name)) vault.disk->put(name, left.contents(name));
    }
    const Salvaged& found = salvage();
    EXPECT_THAT(found.report.notes, Contains(HasSubstr("--history")));
    const bool has_x = found.output.has_content(content_of('x', 6));
    EXPECT_NE(has_x, found.output.has_content(content_of('y', 3)));
    EXPECT_TRUE(found.output.has_content(content_of('a', 10)));
    // And without a tree: the headers tell of the same number in both.
    damage_all([](const block::ScannedBlock& block) { return is_commit(block) || is_node(block); });
    salvage();
    const bool has_either =
        salvaged->output.has_content(content_of('x', 6)) != salvaged->output.has_content(content_of('y', 3));
    EXPECT_TRUE(has_either);
    EXPECT_TRUE(salvaged->output.has_content(content_of('a', 10)));
    // Each note names the id of the other one.
    std::string id;
    for (const std::string& note : salvaged->report.notes) {
        const std::size_t at = note.find("--history ");
        if (at != note.npos) id = note.substr(at + 10, 8);
    }
    ASSERT_EQ(id.size(), 8u);
    SalvageSettings settings;
    settings.history.emplace();
    for (std::size_t i = 0; i < 4; ++i)
        (*settings.history)[i] = std::byte(std::stoul(id.substr(2 * i, 2), nullptr, 16));
    const bool had_x = salvaged->output.has_content(content_of('x', 6));
    salvage(settings);
    EXPECT_EQ(salvaged->output.has_content(content_of('x', 6)), !had_x);
    EXPECT_EQ(salvaged->output.has_content(content_of('y', 3)), had_x);
    (*settings.history)[0] ^= std::byte{1};
    EXPECT_THROW(salvage(settings), Error);
}

TEST_F(SalvageTest, WhatTheDiskCannotReadIsPassedOver) {
    fill();
    for (std::uint64_t nth = 1; nth <= 12; ++nth) {
        vault.faults = std::make_shared<store::FaultPlan>();
        store::Fault fault;
        fault.kind = store::OperationKind::read;
        fault.nth = nth;
        vault.faults->add(fault);
        expect_contents(salvage());
        EXPECT_EQ(vault.faults->strikes(), 1u);
    }
}

TEST_F(SalvageTest, AnEmptyStoreHasNothing) {
    const Salvaged& found = salvage();
    EXPECT_TRUE(found.report.is_empty());
    EXPECT_FALSE(found.report.is_complete());
}

TEST_F(SalvageTest, TheVaultIsOnlyRead) {
    fill();
    std::size_t steps = 0;
    vault.disk->on_operation([&steps](const store::StoreOperation&) { ++steps; });
    damage_all(is_commit);
    const std::uint64_t size = vault.disk->size_bytes();
    salvage();
    EXPECT_EQ(steps, 0u);
    EXPECT_EQ(vault.disk->size_bytes(), size);
}

TEST_F(SalvageTest, ProgressIsToldWhileTheVaultIsRead) {
    vault.block_settings.segment_bytes = 64 << 10;
    Mount mount(vault);
    for (int i = 0; i < 200; ++i)
        mount.write(mount.file(root_inode, "file" + std::to_string(i)), 0, content_of('a', 1)).value();
    ASSERT_EQ(mount.unmount(), nullptr);
    std::vector<SalvageReport> told;
    SalvageSettings settings;
    settings.on_progress = [&told](const SalvageReport& report) { told.push_back(report); };
    const Salvaged& found = salvage(settings);
    ASSERT_GT(told.size(), 3u);
    EXPECT_LT(told.front().scanned_bytes, told.front().stored_bytes);
    EXPECT_EQ(told.back().scanned_bytes, told.back().stored_bytes);
    EXPECT_GT(told.back().files, 100u);
    EXPECT_EQ(found.report.files, 200u);
}

}  // namespace
}  // namespace demofs::fs::test
