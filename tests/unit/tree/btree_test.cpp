#include "demofs/tree/btree.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "demofs/base/error.hpp"
#include "stored_nodes.hpp"

namespace demofs::tree::test {
namespace {

Key key_of(std::uint64_t number) {
    return {number, Kind::inode, 0};
}

void fill(BTree& tree, std::uint64_t count, std::size_t value_bytes) {
    for (std::uint64_t i = 0; i < count; ++i) tree.apply(put_of(key_of(i), Bytes(value_bytes, std::byte(i))));
}

struct Shape {
    std::size_t nodes = 0;
    std::size_t leaves = 0;
    std::size_t bytes = 0;
};

// Of a tree whose nodes are all stored.
Shape shape_of(BTree& tree, StoredNodes& nodes) {
    return nodes.retry(tree, [&] {
        Shape shape;
        tree.walk(
            [&](const block::BlockAddress& where, unsigned level) {
                ++shape.nodes;
                shape.leaves += level == 0 ? 1 : 0;
                shape.bytes += where.payload_bytes;
            },
            [](const Key&, ByteSpan) {});
        return shape;
    });
}

TEST(BTree, AnEmptyTreeFindsNothing) {
    BTree tree(8192);
    EXPECT_FALSE(tree.find(key_of(1)));
    EXPECT_FALSE(tree.find_last_not_after(key_of(1)));
    tree.scan({}, {~0ull, Kind::segment_usage, ~0ull}, [](const Key&, ByteSpan) -> bool {
        ADD_FAILURE() << "an entry in an empty tree";
        return true;
    });
    EXPECT_EQ(tree.find_violation(), "");
}

TEST(BTree, SequentialInsertionsLeaveNodesNearlyFull) {
    BTree tree(4096);
    StoredNodes nodes;
    fill(tree, 20'000, 60);
    ASSERT_EQ(tree.find_violation(), "");
    FrozenTree frozen = tree.freeze();
    nodes.store(frozen);
    const Shape shape = shape_of(tree, nodes);
    EXPECT_GT(shape.bytes, shape.nodes * 4096 * 9 / 10) << shape.nodes << " nodes";
}

TEST(BTree, EntriesBetweenOthersInsertedInOrderLeaveNodesMostlyFull) {
    BTree tree(4096);
    StoredNodes nodes;
    for (std::uint64_t object = 0; object < 2;
         ++object) {  // one file's extents, while another's lie behind them
        for (std::uint64_t i = 0; i < 10'000; ++i) {
            tree.apply(put_of({10 - object, Kind::extent, i}, Bytes(24)));
        }
    }
    FrozenTree frozen = tree.freeze();
    nodes.store(frozen);
    const Shape shape = shape_of(tree, nodes);
    EXPECT_GT(shape.bytes, shape.nodes * 4096 * 8 / 10) << shape.nodes << " nodes";
}

TEST(BTree, ErasingEverythingLeavesOneEmptyLeaf) {
    BTree tree(256);
    fill(tree, 2000, 40);
    EXPECT_GT(tree.root_level(), 2u);
    for (std::uint64_t i = 0; i < 2000; ++i) {
        tree.apply(erase_of(key_of((i * 7) % 2000)));
        if (i % 97 == 0) {
            ASSERT_EQ(tree.find_violation(), "");
        }
    }
    EXPECT_EQ(tree.root_level(), 0u);
    EXPECT_EQ(tree.find_violation(), "");
    EXPECT_EQ(tree.tally().nodes, 1u);
}

TEST(BTree, MergesKeepAShrunkTreeSmall) {
    BTree tree(4096);
    StoredNodes nodes;
    fill(tree, 20'000, 60);
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        if (i % 20 != 0) tree.apply(erase_of(key_of(i)));
    }
    FrozenTree frozen = tree.freeze();
    nodes.store(frozen);
    const Shape shape = shape_of(tree, nodes);
    EXPECT_LT(shape.leaves, 1000u * 79 / (4096 / 3) + 2);
}

TEST(BTree, AFaultedChangeHasChangedNothing) {
    BTree tree(256);
    StoredNodes nodes;
    fill(tree, 500, 40);
    FrozenTree frozen = tree.freeze();
    const block::BlockAddress root = nodes.store(frozen);
    BTree reopened(256, root, nodes.birth(root), tree.root_level());

    Changes changes;
    for (std::uint64_t i = 0; i < 500; i += 50) changes.put(key_of(i), bytes_of("new"));
    changes.erase(key_of(499));
    std::size_t faults = 0;
    for (bool done = false; !done;) {
        try {
            static_cast<void>(reopened.check(changes));
            done = true;
        } catch (const NodeFault& fault) {
            ++faults;
            nodes.answer(reopened, fault);
            EXPECT_EQ(reopened.tally().dirty_bytes, 0u);
        }
    }
    EXPECT_GT(faults, 20u);
    reopened.apply(changes);
    EXPECT_EQ(reopened.find_violation(), "");
    EXPECT_FALSE(reopened.find(key_of(499)));
    EXPECT_EQ(as_text(*reopened.find(key_of(450))), "new");
}

TEST(BTree, AChangeWithAnImpossibleEntryIsRefusedWhole) {
    BTree tree(4096);
    tree.apply(put_of(key_of(1), bytes_of("one")));

    Changes absent = put_of(key_of(2), bytes_of("two"));
    absent.erase(key_of(3));
    EXPECT_THROW(static_cast<void>(tree.check(absent)), Error);

    Changes too_long = put_of(key_of(2), bytes_of("two"));
    too_long.put(key_of(4), Bytes(max_value_bytes + 1));
    EXPECT_THROW(static_cast<void>(tree.check(too_long)), Error);

    EXPECT_NO_THROW(static_cast<void>(tree.check(put_of(key_of(4), Bytes(max_value_bytes)))));
    EXPECT_FALSE(tree.find(key_of(2)));
}

TEST(BTree, CountsInodesAndInlineBytesOfAChange) {
    BTree tree(4096);
    const Key inode{5, Kind::inode, 0};
    const Key content{9, Kind::inline_data, 0};
    Changes create = put_of(inode, Bytes(10));
    create.put(content, Bytes(100));
    ChangeEffect effect = tree.check(create);
    EXPECT_EQ(effect.inodes, 1);
    EXPECT_EQ(effect.inline_bytes, 100);
    tree.apply(create);

    effect = tree.check(put_of(inode, Bytes(20)));
    EXPECT_EQ(effect.inodes, 0);
    effect = tree.check(put_of(content, Bytes(30)));
    EXPECT_EQ(effect.inline_bytes, -70);
    effect = tree.check(erase_of(inode));
    EXPECT_EQ(effect.inodes, -1);
    effect = tree.check(erase_of(content));
    EXPECT_EQ(effect.inline_bytes, -100);
}

TEST(BTree, FindLastNotAfterStaysWithinObjectAndKind) {
    BTree tree(256);
    for (std::uint64_t object = 1; object <= 200; ++object) {
        tree.apply(put_of({object, Kind::extent, 1000}, Bytes(30)));
        tree.apply(put_of({object, Kind::extent, 5000}, Bytes(30)));
    }
    for (std::uint64_t object = 1; object <= 200; ++object) {
        EXPECT_FALSE(tree.find_last_not_after({object, Kind::extent, 999}));
        EXPECT_FALSE(tree.find_last_not_after({object, Kind::inline_data, 999}));
        EXPECT_FALSE(tree.find_last_not_after({object, Kind::orphan, 999}));
        EXPECT_EQ(tree.find_last_not_after({object, Kind::extent, 1000})->first.key, 1000u);
        EXPECT_EQ(tree.find_last_not_after({object, Kind::extent, 4999})->first.key, 1000u);
        EXPECT_EQ(tree.find_last_not_after({object, Kind::extent, ~0ull})->first.key, 5000u);
    }
}

TEST(BTree, AFrozenTreeStaysAsItWasWhileChangesGoOn) {
    BTree tree(256);
    StoredNodes nodes;
    fill(tree, 300, 40);
    FrozenTree frozen = tree.freeze();
    const unsigned frozen_level = frozen.root_level;
    for (std::uint64_t i = 0; i < 300; i += 2) tree.apply(erase_of(key_of(i)));
    for (std::uint64_t i = 1000; i < 1300; ++i) tree.apply(put_of(key_of(i), bytes_of("later")));

    const block::BlockAddress root = nodes.store(frozen);
    BTree then(256, root, nodes.birth(root), frozen_level);
    std::uint64_t expected = 0;
    nodes.retry(then, [&] {
        expected = 0;
        then.scan({}, {~0ull, Kind::segment_usage, ~0ull}, [&](const Key& key, ByteSpan value) {
            EXPECT_EQ(key, key_of(expected));
            EXPECT_EQ(value.size(), 40u);
            ++expected;
            return true;
        });
    });
    EXPECT_EQ(expected, 300u);
    EXPECT_EQ(tree.find_violation(), "");
    EXPECT_FALSE(tree.find(key_of(0)));
    EXPECT_TRUE(tree.find(key_of(1299)));
}

TEST(BTree, ASmallChangeDirtiesOnePath) {
    BTree tree(4096);
    StoredNodes nodes;
    fill(tree, 20'000, 60);
    FrozenTree first = tree.freeze();
    nodes.store(first);
    tree.apply(put_of(key_of(10'000), bytes_of("changed")));
    FrozenTree second = tree.freeze();
    EXPECT_EQ(second.dirty.size(), tree.root_level() + 1u);
}

// A snapshot of the first tree will need every node that was born with it: which ones, the second tree must know.
TEST(BTree, ANodeIsAsOldAsTheCommitThatStoredIt) {
    BTree tree(256);
    StoredNodes nodes;
    fill(tree, 500, 40);
    FrozenTree first = tree.freeze();
    const block::BlockAddress first_root = nodes.store(first);
    first = {};
    for (int i = 0; i < 8; ++i) tree.evict(0);  // what is not in memory keeps its birth in the slot
    nodes.apply(tree, put_of(key_of(250), bytes_of("changed")));
    FrozenTree second = tree.freeze();
    const block::BlockAddress root = nodes.store(second);
    EXPECT_EQ(nodes.birth(first_root), Generation{1});
    EXPECT_EQ(nodes.birth(root), Generation{2});

    NodeTally tally;
    std::map<Generation, int> told;
    const std::function<void(const block::BlockAddress&)> descend = [&](const block::BlockAddress& where) {
        const NodePtr node = decode_node(nodes.payload(where).span(), tally);
        for (const InnerSlot& slot : node->inner) {
            EXPECT_EQ(slot.birth, nodes.birth(slot.address));
            ++told[slot.birth];
            descend(slot.address);
        }
    };
    descend(root);
    EXPECT_EQ(told[Generation{2}], static_cast<int>(tree.root_level())) << "the path to the changed leaf";
    EXPECT_GT(told[Generation{1}], 100);
}

TEST(BTree, EvictionKeepsDirtyNodesAndFreesTheRest) {
    BTree tree(1024);
    StoredNodes nodes;
    fill(tree, 5000, 60);
    const std::size_t all = tree.tally().bytes;
    for (int i = 0; i < 3; ++i) tree.evict(0);
    EXPECT_EQ(tree.tally().bytes, all) << "dirty nodes must stay";

    {
        FrozenTree frozen = tree.freeze();
        nodes.store(frozen);
    }
    tree.apply(put_of(key_of(17), bytes_of("dirty")));
    for (int i = 0; i < 8; ++i) tree.evict(0);
    EXPECT_LT(tree.tally().bytes, all / 20);
    EXPECT_EQ(as_text(*tree.find(key_of(17))), "dirty");
    EXPECT_EQ(tree.find_violation(), "");
}

TEST(BTree, EvictionSparesWhatWasJustUsed) {
    BTree tree(1024);
    StoredNodes nodes;
    fill(tree, 5000, 60);
    {
        FrozenTree frozen = tree.freeze();
        nodes.store(frozen);
    }
    const std::size_t limit = tree.tally().bytes / 4;
    for (int round = 0; round < 20; ++round) {
        nodes.retry(tree, [&] { return tree.find(key_of(2500)); });
        tree.evict(limit);
    }
    EXPECT_LE(tree.tally().bytes, limit);
    nodes.faults = 0;
    nodes.retry(tree, [&] { return tree.find(key_of(2500)); });
    EXPECT_EQ(nodes.faults, 0u);
}

TEST(BTree, ANodeThatDoesNotFitItsPlaceIsReportedAsDamage) {
    BTree tree(256);
    StoredNodes nodes;
    fill(tree, 100, 40);
    FrozenTree frozen = tree.freeze();
    const block::BlockAddress root = nodes.store(frozen);

    BTree wrong_level(256, root, nodes.birth(root), tree.root_level() + 1);
    EXPECT_THROW(nodes.retry(wrong_level, [&] { return wrong_level.find(key_of(1)); }), Error);

    // A child that holds other keys than its parent says.
    BTree other(256);
    fill(other, 100, 40);
    FrozenTree other_frozen = other.freeze();
    BTree reader(256, root, nodes.birth(root), tree.root_level());
    for (int i = 0; i < 2; ++i) {
        try {
            static_cast<void>(reader.find(key_of(50)));
        } catch (const NodeFault& fault) {
            if (i == 0) {
                nodes.answer(reader, fault);
            } else {
                reader.add_loaded(fault.address, encode_node(*other_frozen.dirty.front()));  // its first leaf
            }
        }
    }
    if (tree.root_level() > 1) {
        EXPECT_THROW(static_cast<void>(reader.find(key_of(50))), Error);
    }
}

}  // namespace
}  // namespace demofs::tree::test
