// Random operations on files and directories against a plain model in memory, with caches so small that
// nearly every step faults, remounts and losses of power in between, and the consistency of the tree checked again
// and again. Without DEMOFS_TEST_SEED each run draws other seeds: --gtest_repeat=-1 goes on for hours.
#include <algorithm>
#include <map>
#include <random>

#include "mounted_vault.hpp"

namespace demofs::fs::test {
namespace {

using testing::IsEmpty;

unsigned seed_of_run(unsigned index) {
    if (const char* given = std::getenv("DEMOFS_TEST_SEED"))
        return static_cast<unsigned>(std::strtoul(given, nullptr, 10));
    return std::random_device()() + index;
}

class Model : public testing::TestWithParam<unsigned> {
  protected:
    void SetUp() override {
        seed = seed_of_run(GetParam());
        RecordProperty("seed", static_cast<int>(seed));
        random.seed(seed);
        vault.tree_settings.node_bytes = 512 + random() % 2000;
        vault.tree_settings.node_cache_bytes = 1;
        vault.block_settings.cache_bytes = 20'000;
        vault.block_settings.segment_bytes = 128 * 1024;
        vault.fs_settings.data_block_bytes = 512u << random() % 4;
        vault.fs_settings.inline_bytes = random() % 3 * 200;
        vault.fs_settings.dirty_data_bytes = 4096u << random() % 6;
        vault.fs_settings.name_hash_bits = 4;
        vault.store_options.reads_must_wait = random() % 2 == 0;
        vault.store_options.sync_ends_object = random() % 3 == 0;
        vault.start_background = random() % 2 == 0;
    }
    std::uint64_t below(std::uint64_t limit) { return random() % limit; }
    std::string bytes(std::size_t size) {
        std::string text(size, '\0');
        for (char& c : text) c = static_cast<char>('a' + random() % 26);
        return text;
    }

    unsigned seed = 0;
    std::mt19937_64 random;
    Vault vault;
};

using Contents = std::map<InodeNumber, std::string>;

// What the files were since the mount, and up to which of these states somebody was told that they are durable.
struct Past {
    std::vector<Contents> states;
    std::map<InodeNumber, std::size_t> last_change;  // of each file: the state after it
    std::size_t durable = 0;

    void begin(const Contents& now) { *this = Past{{now}, {}, 0}; }
    void changed(InodeNumber file, const Contents& now) {
        last_change[file] = states.size();
        states.push_back(now);
    }
    void promised(std::size_t state) { durable = std::max(durable, state); }
    bool may_be_left(const Contents& found) const {
        return std::find(states.begin() + static_cast<std::ptrdiff_t>(durable), states.end(), found) !=
               states.end();
    }
};

TEST_P(Model, FilesReadAsWritten) {
    SCOPED_TRACE("replay with DEMOFS_TEST_SEED=" + std::to_string(seed));
    std::optional<Mount> mount(std::in_place, vault);
    Contents model;
    std::vector<InodeNumber> files;
    for (int i = 0; i < 4; ++i) {
        files.push_back(mount->file(root_inode, "file" + std::to_string(i)));
        model[files.back()];
    }
    ASSERT_TRUE(mount->sync_all());
    Past past;
    past.begin(model);
    for (int step = 0; step < 600; ++step) {
        const InodeNumber file = files[below(files.size())];
        std::string& expected = model[file];
        const std::uint64_t kind = below(100);
        if (kind < 50) {
            const std::size_t size = 1 + below(below(10) == 0 ? 20'000 : 1500);
            const std::size_t at = below(3) == 0 ? expected.size() : below(60'000);
            const std::string data = bytes(size);
            ASSERT_EQ(mount->write(file, at, data).value(), size);
            if (expected.size() < at + size) expected.resize(at + size);
            expected.replace(at, size, data);
            past.changed(file, model);
        } else if (kind < 60) {
            const std::size_t size = below(4) == 0 ? 0 : below(70'000);
            ASSERT_EQ(mount->truncate(file, size).value().size_bytes, size);
            expected.resize(size);
            past.changed(file, model);
        } else if (kind < 85) {
            const std::size_t at = below(70'000);
            const std::size_t size = below(30'000);
            ASSERT_EQ(mount->read(file, at, size).value(),
                      at < expected.size() ? expected.substr(at, size) : "");
        } else if (kind < 94) {
            ASSERT_TRUE(mount->sync(file));
            if (past.last_change.contains(file)) past.promised(past.last_change[file]);
        } else if (kind < 96) {
            ASSERT_TRUE(mount->sync_all());
            past.promised(past.states.size() - 1);
            ASSERT_THAT(mount->contradictions(), IsEmpty());
        } else if (kind < 97) {
            ASSERT_EQ(mount->unmount(), nullptr);
            mount.reset();
            mount.emplace(vault);
            past.begin(model);
            ASSERT_THAT(mount->contradictions(), IsEmpty());
        } else if (kind < 98) {  // power is lost
            const store::CrashPolicy policy =
                below(2) == 0 ? store::lose_unsynced() : store::reorder_unsynced(random());
            const auto left = std::make_shared<store::MemoryDisk>(vault.disk->crashed(policy));
            ASSERT_EQ(mount->unmount(), nullptr);
            mount.reset();
            vault.disk = left;
            mount.emplace(vault);
            Contents found;
            for (const InodeNumber each : files) found[each] = mount->content(each);
            ASSERT_TRUE(past.may_be_left(found)) << "in none of the states since the last acknowledged one";
            model = found;
            past.begin(model);
            ASSERT_THAT(mount->contradictions(), IsEmpty());
        } else {
            ASSERT_EQ(mount->stat(file).value().size_bytes, expected.size());
        }
    }
    for (const auto& [file, expected] : model) EXPECT_EQ(mount->content(file), expected);
    EXPECT_GT(vault.waits, 20u) << "the caches were meant to be too small";
    EXPECT_EQ(mount->unmount(), nullptr);
    EXPECT_THAT(vault.problems, IsEmpty());
}

// A directory tree as a map of paths.
struct ModelNode {
    bool is_directory = false;
    InodeNumber inode{};
    std::map<std::string, ModelNode> children;
};

class NamespaceModel : public Model {
  protected:
    // A random directory, and the way to it.
    ModelNode& random_directory(ModelNode& root) {
        ModelNode* at = &root;
        for (;;) {
            std::vector<ModelNode*> down;
            for (auto& [name, child] : at->children) {
                if (child.is_directory) down.push_back(&child);
            }
            if (down.empty() || below(3) == 0) return *at;
            at = down[below(down.size())];
        }
    }
    std::string random_name() { return "n" + std::to_string(below(12)); }

    void compare(Mount& mount, const ModelNode& node) {
        std::vector<std::string> expected{".", ".."};
        for (const auto& [name, child] : node.children) expected.push_back(name);
        std::vector<std::string> names = mount.names(node.inode, 3);
        std::sort(expected.begin(), expected.end());
        std::sort(names.begin(), names.end());
        ASSERT_EQ(names, expected);
        for (const auto& [name, child] : node.children) {
            ASSERT_EQ(mount.lookup(node.inode, name).value().inode, child.inode);
            if (child.is_directory) compare(mount, child);
        }
    }
    static bool contains(const ModelNode& node, const ModelNode* wanted) {
        if (&node == wanted) return true;
        for (const auto& [name, child] : node.children) {
            if (contains(child, wanted)) return true;
        }
        return false;
    }
};

TEST_P(NamespaceModel, DirectoriesAreAsChanged) {
    SCOPED_TRACE("replay with DEMOFS_TEST_SEED=" + std::to_string(seed));
    std::optional<Mount> mount(std::in_place, vault);
    ModelNode root{true, root_inode, {}};
    for (int step = 0; step < 700; ++step) {
        ModelNode& directory = random_directory(root);
        const std::string name = random_name();
        const auto found = directory.children.find(name);
        const bool exists = found != directory.children.end();
        const std::uint64_t kind = below(100);
        if (kind < 45) {
            const bool make_directory = below(3) == 0;
            const auto made =
                mount->make(directory.inode, name, make_directory ? S_IFDIR | 0755 : S_IFREG | 0644);
            ASSERT_EQ(made.has_value(), !exists);
            if (made) directory.children[name] = ModelNode{make_directory, made->inode, {}};
        } else if (kind < 60) {
            const bool as_directory = exists && found->second.is_directory;
            const auto removed =
                as_directory ? mount->rmdir(directory.inode, name) : mount->unlink(directory.inode, name);
            ASSERT_EQ(removed.has_value(), exists && found->second.children.empty());
            if (removed) directory.children.erase(found);
        } else if (kind < 90) {
            ModelNode& to = random_directory(root);
            const std::string new_name = random_name();
            const auto target = to.children.find(new_name);
            const bool target_exists = target != to.children.end();
            const bool exchange = below(4) == 0;
            bool allowed = exists && (!exchange || target_exists);
            const bool same = allowed && target_exists && &found->second == &target->second;
            if (allowed && found->second.is_directory && contains(found->second, &to)) allowed = false;
            if (allowed && exchange && !same && target->second.is_directory &&
                contains(target->second, &directory))
                allowed = false;
            if (allowed && !exchange && target_exists && !same) {
                allowed = found->second.is_directory == target->second.is_directory &&
                          target->second.children.empty();
            }
            const auto renamed = mount->rename(directory.inode, name, to.inode, new_name, false, exchange);
            ASSERT_EQ(renamed.has_value(), allowed) << name << " -> " << new_name;
            if (renamed && !same) {
                if (exchange) {
                    std::swap(found->second, target->second);
                } else {
                    ModelNode moved = std::move(found->second);
                    directory.children.erase(found);
                    to.children[new_name] = std::move(moved);
                }
            }
        } else if (kind < 96) {
            ASSERT_TRUE(mount->sync(directory.inode));
        } else if (kind < 98) {
            ASSERT_EQ(mount->unmount(), nullptr);
            mount.reset();
            mount.emplace(vault);
        } else {
            compare(*mount, root);
            ASSERT_THAT(mount->contradictions(), IsEmpty());
        }
    }
    compare(*mount, root);
    EXPECT_EQ(mount->unmount(), nullptr);
    EXPECT_THAT(vault.problems, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Runs, Model, testing::Range(0u, 12u));
INSTANTIATE_TEST_SUITE_P(Runs, NamespaceModel, testing::Range(0u, 8u));

}  // namespace
}  // namespace demofs::fs::test
