// Random operations on a BTree and on std::map side by side, with freezes, commits in flight, evictions and
// reopening in between. Replay a failure with DEMOFS_TEST_SEED=<number>.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <random>

#include "demofs/tree/btree.hpp"
#include "stored_nodes.hpp"

namespace demofs::tree::test {
namespace {

const Key first_key{};
const Key last_key{~0ull, Kind::segment_usage, ~0ull};

std::uint64_t test_seed() {
    if (const char* given = std::getenv("DEMOFS_TEST_SEED")) return std::strtoull(given, nullptr, 10);
    return std::random_device{}();
}

class Model {
  public:
    Model(std::uint64_t seed, std::size_t node_bytes, std::uint64_t objects)
        : random_(seed), node_bytes_(node_bytes), objects_(objects) {
        tree_ = std::make_unique<BTree>(node_bytes);
    }

    void step() {
        switch (pick(20)) {
            case 0:
                commit_begin();
                break;
            case 1:
                commit_some_nodes();
                break;
            case 2:
                evict();
                break;
            case 3:
                compare_range();
                break;
            case 4:
                compare_predecessor();
                break;
            case 5:
                compare_find();
                break;
            case 6:
                prefault_then_change();
                break;
            case 7:
                if (pick(40) == 0) reopen();
                break;
            case 8:
                if (pick(200) == 0) erase_most();
                break;
            default:
                change(pick(5) + 1);
                break;
        }
    }

    void check_all() {
        ASSERT_EQ(tree_->find_violation(), "");
        compare(*tree_, model_, first_key, last_key);
    }

    // The usage that all freezes have told, against what the stored tree really takes.
    void check_usage() {
        commit_begin();
        finish_commit();
        commit_begin();  // what was superseded in the last epoch is told by the next one
        finish_commit();
        Usage real;
        nodes_.retry(*tree_, [&] {
            real.clear();
            tree_->walk([&](const block::BlockAddress& where,
                            unsigned) { real[where.segment] += where.stored_bytes(); },
                        [](const Key&, ByteSpan) {});
        });
        std::erase_if(usage_, [](const auto& entry) { return entry.second == 0; });
        EXPECT_EQ(usage_, real);
    }

  private:
    using Map = std::map<Key, Bytes>;

    std::uint64_t pick(std::uint64_t below) {
        return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(random_);
    }

    Key random_key() {
        static constexpr Kind kinds[] = {Kind::inode, Kind::dirent, Kind::extent};
        return {pick(objects_), kinds[pick(3)], pick(8)};
    }
    Bytes random_value() {
        const std::size_t size = pick(50) == 0 ? pick(max_value_bytes + 1) : pick(60);
        Bytes value(size);
        for (std::byte& b : value) b = std::byte(random_());
        return value;
    }

    void change(std::size_t entries) {
        Changes changes;
        Map after = model_;
        std::map<Key, bool> used;
        for (std::size_t i = 0; i < entries; ++i) {
            Key key = random_key();
            const bool erase = pick(2) == 0 && !model_.empty();
            if (erase) {
                auto found = model_.lower_bound(key);
                if (found == model_.end()) found = model_.begin();
                key = found->first;
            }
            if (!used.emplace(key, true).second) continue;
            if (erase) {
                changes.erase(key);
                after.erase(key);
            } else {
                Bytes value = random_value();
                after[key] = value;
                changes.put(key, std::move(value));
            }
        }
        nodes_.apply(*tree_, changes);
        model_ = std::move(after);
    }

    void prefault_then_change() {
        const Key key = random_key();
        nodes_.retry(*tree_, [&] { tree_->prefault(key, key); });
        const Changes changes = put_of(key, random_value());
        ASSERT_NO_THROW(static_cast<void>(tree_->check(changes)));
        tree_->apply(changes);
        model_[key] = *changes.entries[0].value;
    }

    void erase_most() {
        while (model_.size() > 5) {
            auto found = model_.lower_bound(random_key());
            if (found == model_.end()) found = model_.begin();
            nodes_.apply(*tree_, erase_of(found->first));
            model_.erase(found);
        }
    }

    void commit_begin() {
        finish_commit();
        frozen_ = tree_->freeze();
        frozen_model_ = model_;
        appended_ = 0;
        in_flight_ = true;
        for (const auto& [segment, bytes] : frozen_.usage) usage_[segment] += bytes;
        for (const NodePtr& node : frozen_.superseded) {
            ASSERT_TRUE(node->address);
            usage_[node->address.segment] -= node->address.stored_bytes();
        }
        frozen_.superseded.clear();
    }

    void commit_some_nodes() {
        if (!in_flight_) return;
        const std::size_t until =
            std::min(frozen_.dirty.size(), appended_ + 1 + pick(frozen_.dirty.size() + 1));
        while (appended_ < until) append_next();
    }

    void append_next() {
        NodePtr node = std::move(frozen_.dirty[appended_++]);
        const block::BlockAddress where = nodes_.store_node(node);
        usage_[where.segment] += where.stored_bytes();
    }

    void finish_commit() {
        if (!in_flight_) return;
        while (appended_ < frozen_.dirty.size()) append_next();
        root_ = frozen_.root.child ? frozen_.root.child->address : frozen_.root.address;
        root_level_ = frozen_.root_level;
        frozen_ = {};
        in_flight_ = false;
        if (pick(10) == 0) {  // what was frozen is what was stored
            BTree stored(node_bytes_, root_, nodes_.birth(root_), root_level_);
            compare(stored, frozen_model_, first_key, last_key);
        }
        durable_model_ = frozen_model_;
    }

    void reopen() {  // as after a crash: back to the last commit
        finish_commit();
        commit_begin();
        finish_commit();
        tree_ = std::make_unique<BTree>(node_bytes_, root_, nodes_.birth(root_), root_level_);
        model_ = durable_model_;
    }

    void evict() {
        tree_->evict(pick(3) == 0 ? 0 : tree_->tally().bytes * 3 / 4);
        if (pick(4) == 0) {
            ASSERT_EQ(tree_->find_violation(), "");
        }
    }

    void compare_find() {
        const Key key = random_key();
        const auto found = nodes_.retry(*tree_, [&] { return tree_->find(key); });
        const auto expected = model_.find(key);
        ASSERT_EQ(found.has_value(), expected != model_.end());
        if (found) {
            ASSERT_TRUE(
                std::equal(found->begin(), found->end(), expected->second.begin(), expected->second.end()));
        }
    }

    void compare_predecessor() {
        const Key key = random_key();
        const auto found = nodes_.retry(*tree_, [&] { return tree_->find_last_not_after(key); });
        auto expected = model_.upper_bound(key);
        const bool exists = expected != model_.begin() && (--expected)->first.object == key.object &&
                            expected->first.kind == key.kind;
        ASSERT_EQ(found.has_value(), exists);
        if (found) {
            ASSERT_EQ(found->first, expected->first);
        }
    }

    void compare_range() {
        Key from = random_key();
        Key to = random_key();
        if (to < from) std::swap(from, to);
        compare(*tree_, model_, from, to);
    }

    void compare(BTree& tree, const Map& model, const Key& from, const Key& to) {
        Map seen;
        nodes_.retry(tree, [&] {
            seen.clear();
            tree.scan(from, to, [&](const Key& key, ByteSpan value) {
                EXPECT_TRUE(seen.empty() || seen.rbegin()->first < key);
                seen.emplace(key, Bytes(value.begin(), value.end()));
                return true;
            });
        });
        const Map expected(model.lower_bound(from), model.upper_bound(to));
        ASSERT_TRUE(seen == expected) << seen.size() << " entries instead of " << expected.size();
    }

    std::mt19937_64 random_;
    std::size_t node_bytes_;
    std::uint64_t objects_;
    StoredNodes nodes_;
    std::unique_ptr<BTree> tree_;
    FrozenTree frozen_;  // after tree_: dies first
    Map model_, frozen_model_, durable_model_;
    std::size_t appended_ = 0;
    bool in_flight_ = false;
    block::BlockAddress root_;
    unsigned root_level_ = 0;
    Usage usage_;
};

void run(std::size_t node_bytes, std::uint64_t objects, int steps) {
    const std::uint64_t seed = test_seed();
    SCOPED_TRACE("DEMOFS_TEST_SEED=" + std::to_string(seed));
    testing::Test::RecordProperty("seed", std::to_string(seed));
    Model model(seed, node_bytes, objects);
    for (int i = 0; i < steps; ++i) {
        model.step();
        if (i % 500 == 0) model.check_all();
        if (testing::Test::HasFailure()) return;
    }
    model.check_all();
    model.check_usage();
}

TEST(BTreeModel, DeepTreesOfTinyNodesBehaveLikeAMap) {
    run(256, 100, 20'000);
}
TEST(BTreeModel, MiddlingNodesBehaveLikeAMap) {
    run(1024, 60, 20'000);
}
TEST(BTreeModel, OrdinaryNodesBehaveLikeAMap) {
    run(8192, 300, 20'000);
}

}  // namespace
}  // namespace demofs::tree::test
