// Power is lost at every store operation of a workload, in several ways; each time the vault is mounted
// again. What an fsync had acknowledged must be there, and whatever else is there must be consistent.
#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "tests/crash/crash_policies.hpp"
#include "tests/unit/fs/vault_report.hpp"

namespace demofs::fs::test {
namespace {

using testing::IsEmpty;

// What must be found after a crash: content by name in the root directory; nothing: the name must not exist.
using Promises = std::map<std::string, std::optional<std::string>>;

struct CrashPoint {
    store::MemoryDisk disk;
    Promises promises;
};

std::string filled(std::size_t size, char c) {
    return std::string(size, c);
}

class FsCrash : public testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        vault.store_options.sync_ends_object = GetParam();
        vault.block_settings.segment_bytes = 256 * 1024;
        vault.block_settings.batch_bytes = 32 * 1024;
        vault.block_settings.write_start_bytes = 8 * 1024;
        vault.tree_settings.node_bytes = 1024;
        vault.fs_settings.data_block_bytes = 4096;
        vault.fs_settings.inline_bytes = 256;
    }

    // Starts a workload on a formatted vault whose every store operation becomes a crash point.
    Mount& begin() {
        {
            Mount formatted(vault);
        }
        mount_.emplace(vault);
        vault.disk->on_operation([this](const store::StoreOperation&) {
            points.push_back(CrashPoint{vault.disk->snapshot(), promises});
        });
        return *mount_;
    }

    // Nothing is promised about a name while it is being changed.
    void changing(const std::string& name) { promises.erase(name); }
    void promised(const std::string& name, std::optional<std::string> content) {
        promises[name] = std::move(content);
    }
    // Writes and syncs, and promises the result.
    void write_and_sync(InodeNumber file, const std::string& name, std::uint64_t offset,
                        const std::string& data) {
        changing(name);
        ASSERT_TRUE(mount_->write(file, offset, data));
        ASSERT_TRUE(mount_->sync(file));
        promised(name, mount_->content(file));
    }

    void crash_everywhere() {
        EXPECT_EQ(mount_->unmount(), nullptr);
        vault.disk->on_operation(nullptr);
        points.push_back(CrashPoint{vault.disk->snapshot(), promises});
        EXPECT_GT(points.size(), 20u);
        for (std::size_t i = 0; i < points.size(); ++i) {
            const std::vector<crash_test::Policy> all = crash_test::policies(i);
            for (std::size_t way = i % 4; way < all.size(); way += 4) {
                SCOPED_TRACE("operation " + std::to_string(i) + ", " + all[way].name);
                verify(points[i], all[way]);
                if (HasFailure()) return;
            }
        }
    }

    void verify(const CrashPoint& point, const crash_test::Policy& policy) {
        Vault after;
        after.disk = std::make_shared<store::MemoryDisk>(policy.crash(point.disk));
        after.tree_settings.node_bytes = 1024;
        ASSERT_THAT(report_on(after, true).check.findings, IsEmpty());
        Mount mount(after);
        ASSERT_THAT(mount.contradictions(), IsEmpty());
        for (const auto& [name, content] : point.promises) {
            const Result<Attributes> found = mount.lookup(root_inode, name);
            ASSERT_EQ(found.has_value(), content.has_value()) << name;
            if (content) {
                ASSERT_EQ(mount.content(found->inode), *content) << name;
            }
        }
        if (extra_check) extra_check(mount);
        mount.fs().start();  // no orphan may be lost: all of them are freed now
        mount.run_until([&] {
            const auto entries = mount.entries();
            return std::none_of(entries.begin(), entries.end(),
                                [](const auto& entry) { return entry.key.kind == tree::Kind::orphan; });
        });
        ASSERT_THAT(mount.contradictions(), IsEmpty());
        const auto file = mount.make(root_inode, "after the crash", S_IFREG | 0644);
        ASSERT_TRUE(file);
        ASSERT_TRUE(mount.write(file->inode, 0, "works"));
        ASSERT_TRUE(mount.sync(file->inode));
        ASSERT_EQ(mount.unmount(), nullptr);
    }

    Vault vault;
    std::vector<CrashPoint> points;
    Promises promises;
    std::function<void(Mount&)> extra_check;

  private:
    std::optional<Mount> mount_;
};

TEST_P(FsCrash, EveryAcknowledgedSyncIsThere) {
    Mount& mount = begin();
    std::vector<InodeNumber> files;
    for (int i = 0; i < 6; ++i) files.push_back(mount.file(root_inode, "file" + std::to_string(i)));
    std::mt19937 random(7);
    for (int step = 0; step < 40; ++step) {
        const std::size_t which = random() % files.size();
        const std::string name = "file" + std::to_string(which);
        const std::uint64_t offset = random() % 12'000;
        const std::string data = filled(1 + random() % 9000, static_cast<char>('a' + step % 26));
        if (random() % 3 == 0) {
            changing(name);
            ASSERT_TRUE(mount.write(files[which], offset, data));  // and no sync
        } else {
            write_and_sync(files[which], name, offset, data);
        }
    }
    crash_everywhere();
}

TEST_P(FsCrash, AFileThatWasReplacedByRenameIsTheOldOrTheNewOne) {
    Mount& mount = begin();
    std::string last;
    std::string next;
    for (int i = 0; i < 12; ++i) {
        const InodeNumber file = mount.file(root_inode, "config.tmp");
        next = filled(3000 + static_cast<std::size_t>(i) * 500, static_cast<char>('a' + i));
        ASSERT_TRUE(mount.write(file, 0, next));
        ASSERT_TRUE(mount.sync(file));
        changing("config");
        ASSERT_TRUE(mount.rename(root_inode, "config.tmp", root_inode, "config"));
        ASSERT_TRUE(mount.sync(root_inode));
        promised("config", next);
        promised("config.tmp", std::nullopt);
        changing("config.tmp");
    }
    extra_check = [](Mount& again) {
        const Result<Attributes> config = again.lookup(root_inode, "config");
        if (!config) return;
        const std::string content = again.content(config->inode);
        ASSERT_GE(content.size(), 3000u);
        ASSERT_EQ(content, filled(3000 + static_cast<std::size_t>(content[0] - 'a') * 500, content[0]));
    };
    crash_everywhere();
}

TEST_P(FsCrash, SizesNeverPromiseBytesThatAreNotThere) {
    Mount& mount = begin();
    // Appends of odd sizes, never synced themselves: the commits come from another file's syncs.
    const InodeNumber log = mount.file(root_inode, "log");
    const InodeNumber other = mount.file(root_inode, "other");
    std::uint64_t size = 0;
    for (int i = 0; i < 30; ++i) {
        const std::string part = filled(100 + static_cast<std::size_t>(i) * 397 % 9000, 'x');
        ASSERT_TRUE(mount.write(log, size, part));
        size += part.size();
        write_and_sync(other, "other", 0, std::to_string(i));
    }
    extra_check = [](Mount& again) {
        const Result<Attributes> found = again.lookup(root_inode, "log");
        if (!found) return;
        const std::string content = again.content(found->inode);
        ASSERT_EQ(content.find('\0'), content.npos) << "zeros where data was promised";
    };
    crash_everywhere();
}

TEST_P(FsCrash, NoOrphanIsLost) {
    Mount& mount = begin();
    mount.fs().start();
    for (int round = 0; round < 4; ++round) {
        const std::string name = "big" + std::to_string(round);
        const InodeNumber file = mount.file(root_inode, name);
        const HandleId handle = mount.open_file(file);
        for (std::uint64_t i = 0; i < 300; ++i) ASSERT_TRUE(mount.write(file, i * 8192, filled(4096, 'x')));
        ASSERT_TRUE(mount.sync(file));
        if (round % 2 == 0) {
            ASSERT_TRUE(mount.truncate(file, 10'000));
            ASSERT_TRUE(mount.sync(file));
        }
        changing(name);
        ASSERT_TRUE(mount.unlink(root_inode, name));
        ASSERT_TRUE(mount.sync(root_inode));
        promised(name, std::nullopt);
        mount.fs().release(handle);
        const InodeNumber small = mount.file(root_inode, "small");
        write_and_sync(small, "small", 0, name);
        changing("small");
        ASSERT_TRUE(mount.unlink(root_inode, "small"));
        ASSERT_TRUE(mount.sync(root_inode));
        promised("small", std::nullopt);
        changing("small");
    }
    crash_everywhere();
}

INSTANTIATE_TEST_SUITE_P(Stores, FsCrash, testing::Bool(), [](const auto& parameters) {
    return parameters.param ? std::string("SyncEndsObject") : std::string("Appendable");
});

}  // namespace
}  // namespace demofs::fs::test
