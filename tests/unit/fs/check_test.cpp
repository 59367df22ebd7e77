#include "demofs/fs/check/vault_check.hpp"

#include <gmock/gmock.h>

#include "demofs/fs/records/keys.hpp"
#include "demofs/tree/node_codec.hpp"
#include "vault_report.hpp"

namespace demofs::fs::test {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

auto finding(const std::string& path, const std::string& what) {
    return Contains(testing::AllOf(Field(&Finding::path, path), Field(&Finding::what, HasSubstr(what))));
}

class CheckTest : public testing::Test {
  protected:
    CheckTest() {
        vault.fs_settings.data_block_bytes = 4096;
        vault.tree_settings.node_bytes = 1024;
        vault.may_be_damaged = true;
    }

    // A directory with a small file and one of 200 extents, a second name of the small one in the root (the first
    // in the order of directories) and a symbolic link, in two sessions.
    void fill() {
        Mount mount(vault);
        const InodeNumber directory = mount.directory(root_inode, "dir");
        small = mount.file(directory, "small");
        mount.write(small, 0, "a few bytes").value();
        mount.link(small, root_inode, "again").value();
        mount.make(root_inode, "symlink", S_IFLNK | 0777, "dir/small").value();
        large = mount.file(directory, "large");
        for (std::uint64_t i = 0; i < 200; ++i) mount.write(large, i * 8192, std::string(4096, 'x')).value();
        ASSERT_EQ(mount.unmount(), nullptr);
        Mount again(vault);
        again.file(root_inode, "later");
        ASSERT_EQ(again.unmount(), nullptr);
    }

    CheckReport check(bool read_data = false) {
        VaultReport report = report_on(vault, read_data);
        record = *report.recovered.record;
        return report.check;
    }

    // Flips a bit in the payload of each stored block that `chosen` takes.
    void damage(const std::function<bool(const block::FoundBlock&)>& chosen) {
        std::vector<block::BlockAddress> blocks;
        auto work = [&]() -> asio::awaitable<void> {
            asyncdrop::AsyncDropBox<store::ObjectStore> store =
                store::MemoryObjectStore::open(vault.disk, vault.store_options);
            block::SegmentCatalog catalog(*store, vault.keys);
            co_await catalog.refresh();
            block::LogReader log(*store, catalog);
            const block::LogReader::Visitor visit = [&](const block::FoundBlock& block) {
                if (chosen(block)) blocks.push_back(block.address);
            };
            for (const block::ListedSegment& segment : catalog.segments()) {
                const std::optional<block::SealRecord> seal = co_await log.seal_of(segment.id);
                std::vector<block::LogRange> ranges(1);
                ranges[0].segment = segment.id;
                ranges[0].begin = block::segment_header_bytes;
                ranges[0].end = static_cast<std::uint32_t>(seal->blocks_end);
                static_cast<void>(co_await log.verify(std::move(ranges), visit));
            }
            co_await store.async_drop();
        };
        test_support::run_coroutine(vault.context, work());
        ASSERT_FALSE(blocks.empty());
        for (const block::BlockAddress& block : blocks)
            flip(object_name(vault.keys, block.segment), block.offset + 60);
    }
    void flip(const std::string& object, std::uint64_t offset) {
        Bytes bytes = vault.disk->contents(object);
        bytes.at(offset) ^= std::byte{1};
        vault.disk->put(object, bytes);
    }

    // Changes entries behind the filesystem's back, and commits.
    void change(const tree::Changes& changes) {
        Mount mount(vault);
        static_cast<void>(mount.await(mount.tree().retry([&] { return mount.tree().apply(changes); })));
        ASSERT_EQ(mount.unmount(), nullptr);
    }

    Vault vault;
    tree::CommitRecord record;  // the last one that was checked
    InodeNumber small{};
    InodeNumber large{};
};

TEST_F(CheckTest, AVaultThatIsWellHasNoFindings) {
    fill();
    const CheckReport report = check();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_EQ(report.inodes, 6u);
    EXPECT_EQ(report.content_bytes, 200u * 4096);
    EXPECT_EQ(report.content_bytes_read, 0u);
    EXPECT_EQ(report.segments, 2u);
    EXPECT_GT(report.nodes, 10u);
    const CheckReport with_data = check(true);
    EXPECT_THAT(with_data.findings, IsEmpty());
    EXPECT_EQ(with_data.content_bytes_read, with_data.content_bytes);
}

TEST_F(CheckTest, ADamagedBlockIsFoundByReadingItAndNamedByPathAndOffset) {
    fill();
    bool first = true;
    damage([&](const block::FoundBlock& block) {
        const bool chosen =
            first && block.header.kind == block::BlockKind::data && block.header.position == 5 * 8192;
        if (chosen) first = false;
        return chosen;
    });
    EXPECT_THAT(check().findings, IsEmpty());
    const CheckReport report = check(true);
    EXPECT_THAT(report.findings, SizeIs(1));
    EXPECT_THAT(report.findings, finding("/dir/large", "4096 bytes of its content at offset 40960"));
    EXPECT_EQ(report.content_bytes_read, 199u * 4096);
}

TEST_F(CheckTest, ADamagedNodeCostsWhatIsInItAndNothingElse) {
    fill();
    damage([](const block::FoundBlock& block) {
        if (block.header.kind != block::BlockKind::node || block.header.owner != 0) return false;
        tree::NodeTally tally;
        const tree::NodePtr node = tree::decode_node(block.payload, tally);
        return node->count() > 0 && node->key_at(0).kind == tree::Kind::extent &&
               node->key_at(node->count() - 1).kind == tree::Kind::extent && node->key_at(0).key > 400'000 &&
               node->key_at(0).key < 500'000;
    });
    const CheckReport report = check(true);
    EXPECT_THAT(report.findings, finding("", "part of the metadata"));
    EXPECT_THAT(report.findings, finding("/dir/large", "part of its content cannot be found"));
    for (const Finding& found : report.findings)
        EXPECT_TRUE(found.path.empty() || found.path == "/dir/large") << found.path << ": " << found.what;
}

TEST_F(CheckTest, AMissingSegmentIsNamedByTheFilesThatNeedIt) {
    fill();
    const CheckReport before = check();
    ASSERT_THAT(before.findings, IsEmpty());
    // The first one holds the content.
    std::string first;
    for (const std::string& name : vault.disk->names())
        if (block::segment_of_object(vault.keys, name)->sequence == 1) first = name;
    vault.disk->erase(first);
    const CheckReport report = check();
    EXPECT_THAT(report.findings, Contains(Field(&Finding::what, HasSubstr("missing"))));
}

TEST_F(CheckTest, ADamagedHeaderIsFoundAlthoughItsCopyServes) {
    fill();
    for (const std::string& name : vault.disk->names()) flip(name, 40);
    EXPECT_THAT(check().findings, SizeIs(2));
    EXPECT_THAT(check().findings, finding("", "the copy at its end is whole"));
}

TEST_F(CheckTest, EveryRuleIsChecked) {
    fill();
    Bytes inode;
    InodeRecord changed;
    {
        Mount mount(vault);
        const auto find = [&] { return mount.tree().find(inode_key(small)); };
        const auto value = mount.await(mount.tree().retry(find));
        changed = decode_inode_record(*value);
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    const InodeRecord good = changed;
    const auto with = [&](const InodeRecord& record_of_small) {
        tree::Changes changes;
        changes.put(inode_key(small), encode(record_of_small));
        change(changes);
        return check().findings;
    };
    changed.links = 3;
    EXPECT_THAT(with(changed), finding("/again", "2 names and counts 3"));
    changed = good;
    changed.allocated_bytes += 5;
    EXPECT_THAT(with(changed), finding("/again", "claims 16 bytes of content and has 11"));
    changed = good;
    changed.size_bytes = 4;
    EXPECT_THAT(with(changed), finding("/again", "too much inline data"));
    changed = good;
    changed.mode = (good.mode & ~static_cast<std::uint32_t>(S_IFMT)) | S_IFIFO;
    EXPECT_THAT(with(changed), finding("/dir/small", "another type"));
    changed = good;
    changed.data_id = DataId{7'000'000};
    EXPECT_THAT(with(changed), finding("", "belongs to no file"));
    EXPECT_THAT(with(good), IsEmpty());

    tree::Changes changes;
    changes.erase(inode_key(small));
    change(changes);
    EXPECT_THAT(check().findings, finding("/dir/small", "leads to nothing"));
    EXPECT_THAT(with(good), IsEmpty());

    tree::Changes younger;
    {
        Mount mount(vault);
        for (const auto& [key, value] : mount.entries()) {
            if (key.kind != tree::Kind::extent || !younger.entries.empty()) continue;
            ExtentRecord extent = decode_extent_record(value);
            extent.birth = Generation{1'000'000};
            younger.put(key, encode(extent));
        }
        ASSERT_EQ(mount.unmount(), nullptr);
    }
    change(younger);
    EXPECT_THAT(check().findings, finding("/dir/large", "at offset 0 is younger than the commit"));

    tree::Changes usage;
    const block::SegmentId segment = record.root.segment;
    usage.put({0, tree::Kind::segment_usage, segment.sequence},
              tree::encode_segment_usage(segment.salt, 12345));
    change(usage);
    EXPECT_THAT(check().findings, Contains(Field(&Finding::what, HasSubstr("the table says"))));
}

}  // namespace
}  // namespace demofs::fs::test
