// Many operations in flight at once, over caches so small that each of them suspends.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <random>

#include "mounted_vault.hpp"

namespace demofs::fs::test {
namespace {

using testing::IsEmpty;

class Concurrent : public testing::Test {
  protected:
    void SetUp() override {
        vault.tree_settings.node_bytes = 512;
        vault.tree_settings.node_cache_bytes = 1;
        vault.block_settings.cache_bytes = 4096;
        vault.fs_settings.data_block_bytes = 1024;
        vault.fs_settings.dirty_data_bytes = 8192;
        vault.store_options.reads_must_wait = true;
    }
    template <class T>
    void spawn(Mount&, asio::awaitable<T> operation, std::function<void(T)> check) {
        ++running;
        asio::co_spawn(vault.context, std::move(operation),
                       [this, check](std::exception_ptr error, T result) {
                           EXPECT_EQ(error, nullptr);
                           --running;
                           check(std::move(result));
                       });
    }
    // A mount that has nothing in memory, on a store whose reads wait until release().
    std::unique_ptr<Mount> cold_mount() {
        vault.faults = std::make_shared<store::FaultPlan>();
        auto mount = std::make_unique<Mount>(vault);
        vault.faults->hold(store::OperationKind::read);
        return mount;
    }
    bool busy(Mount& mount, InodeNumber file) {
        return !mount.fs().try_write(file, 0, {}, mount.now()).has_value();
    }
    void finish(Mount& mount) {
        mount.run_until([&] { return running == 0; });
    }

    Vault vault;
    std::size_t running = 0;
};

TEST_F(Concurrent, WritesToOneFileHappenInTheOrderTheyWereMade) {
    InodeNumber file{};
    {
        Mount mount(vault);
        for (int i = 0; i < 40; ++i) file = mount.file(root_inode, std::to_string(i));
    }
    const std::unique_ptr<Mount> mount = cold_mount();
    std::string expected(9000, '\0');
    std::mt19937 random(5);
    for (int i = 0; i < 100; ++i) {
        const std::size_t at = random() % 6000;
        const std::string data(1 + random() % 3000, static_cast<char>('!' + i % 90));
        expected.replace(at, data.size(), data);
        const auto check = [size = data.size()](Result<std::size_t> written) {
            ASSERT_TRUE(written);
            EXPECT_EQ(*written, size);
        };
        SharedBytes bytes = SharedBytes::copy_of(as_bytes(data));
        spawn<Result<std::size_t>>(*mount, mount->fs().write(file, at, std::move(bytes), mount->now()),
                                   check);
    }
    mount->run_until([&] { return vault.faults->held() > 0; });
    EXPECT_TRUE(busy(*mount, file)) << "nobody may overtake those that wait";
    EXPECT_EQ(running, 100u);
    vault.faults->release();
    finish(*mount);
    EXPECT_FALSE(busy(*mount, file));
    const std::string content = mount->content(file);
    expected.resize(content.size());
    EXPECT_EQ(content, expected);
    EXPECT_THAT(mount->contradictions(), IsEmpty());
}

TEST_F(Concurrent, AMixtureOfOperationsLeavesAConsistentTree) {
    const unsigned seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    vault.start_background = true;
    vault.fs_settings.commit_interval = std::chrono::milliseconds(1);
    Mount mount(vault);
    std::vector<InodeNumber> directories{root_inode};
    for (int i = 0; i < 5; ++i) directories.push_back(mount.directory(root_inode, "d" + std::to_string(i)));
    std::vector<InodeNumber> files;
    for (int i = 0; i < 30; ++i)
        files.push_back(mount.file(directories[random() % 6], "f" + std::to_string(i)));
    ASSERT_TRUE(mount.sync_all());
    const auto no_storage_error = [](const auto& result) {
        if (!result) {
            EXPECT_NE(result.error(), std::errc::io_error);
            EXPECT_NE(result.error(), std::errc::read_only_file_system);
        }
    };
    for (int i = 0; i < 1500; ++i) {
        const InodeNumber directory = directories[random() % directories.size()];
        const InodeNumber other = directories[random() % directories.size()];
        const InodeNumber file = files[random() % files.size()];
        const std::string name = "f" + std::to_string(random() % 30);
        switch (random() % 9) {
            case 0:
                spawn<Result<Attributes>>(
                    mount, mount.fs().run(Create{directory, name, S_IFREG | 0644, 1, 1, 0, {}, mount.now()}),
                    no_storage_error);
                break;
            case 1:
                spawn<Result<Nothing>>(mount,
                                       mount.fs().run(Unlink{directory, name, Unlink::Of::file, mount.now()}),
                                       no_storage_error);
                break;
            case 2:
                spawn<Result<Nothing>>(
                    mount,
                    mount.fs().run(fs::Rename{directory, name, other, name, false, i % 3 == 0, mount.now()}),
                    no_storage_error);
                break;
            case 3: {
                SetAttributes set;
                set.inode = file;
                set.set_size = true;
                set.size_bytes = random() % 20'000;
                set.now = mount.now();
                spawn<Result<Attributes>>(mount, mount.fs().run(set), no_storage_error);
                break;
            }
            case 4:
                spawn<Result<Nothing>>(mount, mount.fs().sync(file), no_storage_error);
                break;
            case 5:
                spawn<Result<ReadReply>>(mount, mount.fs().read(file, random() % 20'000, 5000),
                                         no_storage_error);
                break;
            case 6:
                spawn<Result<std::vector<DirectoryEntry>>>(
                    mount, mount.fs().run(ReadDirectory{directory, 0, 50, true}), no_storage_error);
                break;
            default:
                spawn<Result<std::size_t>>(
                    mount,
                    mount.fs().write(file, random() % 20'000,
                                     SharedBytes::copy_of(as_bytes(std::string(1 + random() % 4000, 'x'))),
                                     mount.now()),
                    no_storage_error);
        }
        if (i % 200 == 199) {
            finish(mount);
            ASSERT_THAT(mount.contradictions(), IsEmpty());
        }
    }
    finish(mount);
    EXPECT_EQ(mount.unmount(), nullptr);
    Mount again(vault);
    EXPECT_THAT(again.contradictions(), IsEmpty());
    EXPECT_THAT(vault.problems, IsEmpty());
}

TEST_F(Concurrent, ACancelledWriterLeavesTheQueueAndTheFileAlone) {
    InodeNumber file{};
    {
        Mount mount(vault);
        for (int i = 0; i < 40; ++i) file = mount.file(root_inode, std::to_string(i));
    }
    const std::unique_ptr<Mount> mount = cold_mount();
    const auto write = [&](std::string_view text) {
        return mount->fs().write(file, 0, SharedBytes::copy_of(as_bytes(text)), mount->now());
    };
    const auto succeeds = [](const Result<std::size_t>& result) { EXPECT_TRUE(result); };
    spawn<Result<std::size_t>>(*mount, write("first"), succeeds);
    asio::cancellation_signal signal;
    std::size_t cancelled = 0;
    asio::co_spawn(vault.context, write("CANCELLED"),
                   asio::bind_cancellation_slot(
                       signal.slot(), [&](std::exception_ptr error, Result<std::size_t> result) {
                           ++cancelled;
                           EXPECT_TRUE(error != nullptr || result.error() == std::errc::interrupted);
                       }));
    spawn<Result<std::size_t>>(*mount, write("third"), succeeds);
    mount->run_until([&] { return vault.faults->held() > 0; });
    signal.emit(asio::cancellation_type::terminal);
    mount->run_until([&] { return cancelled == 1; });
    EXPECT_EQ(running, 2u) << "the others go on waiting";
    vault.faults->release();
    finish(*mount);
    EXPECT_EQ(mount->content(file), "third");
    EXPECT_THAT(vault.problems, IsEmpty());
    EXPECT_EQ(mount->unmount(), nullptr);
}

}  // namespace
}  // namespace demofs::fs::test
