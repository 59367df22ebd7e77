#include "demofs/store/testing/counting_object_store.hpp"

#include "demofs/store/testing/memory_object_store.hpp"
#include "tests/unit/store/store_test_base.hpp"

namespace demofs::store {
namespace {

using CountingObjectStoreTest = StoreTestBase;

TEST_F(CountingObjectStoreTest, EverySuccessfulOperationCountsOnce) {
    const auto counters = std::make_shared<StoreCounters>();
    auto store = CountingObjectStore::make(MemoryObjectStore::open(std::make_shared<MemoryDisk>()), counters);

    asyncdrop::AsyncDropBox<ObjectWriter> writer = run(store->create("a1"));
    append(writer, "12345");
    append(writer, "678", Durability::synced);
    run(writer->sync());
    run(writer->seal());
    run(writer->seal());  // nothing to do: not counted
    run(writer.async_drop());
    EXPECT_EQ(read(store, "a1", 6), "123456");
    Bytes out(4);
    EXPECT_EQ(store->try_read("a1", 6, out), 2U);
    static_cast<void>(run(store->list()));
    run(store->remove("a1"));

    StoreCounters expected;
    expected.creates = 1;
    expected.appends = 2;
    expected.appended_bytes = 8;
    expected.syncs = 3;
    expected.seals = 1;
    expected.reads = 2;
    expected.read_bytes = 8;
    expected.lists = 1;
    expected.removes = 1;
    EXPECT_EQ(*counters, expected);
    run(store.async_drop());
}

TEST_F(CountingObjectStoreTest, WhatFailedIsNotCounted) {
    const auto counters = std::make_shared<StoreCounters>();
    auto store = CountingObjectStore::make(MemoryObjectStore::open(std::make_shared<MemoryDisk>()), counters);
    failure_of([&] { read(store, "missing"); });
    failure_of([&] { run(store->remove("missing")); });
    failure_of([&] { static_cast<void>(run(store->create("../bad"))); });
    EXPECT_EQ(*counters, StoreCounters());
    run(store.async_drop());
}

}  // namespace
}  // namespace demofs::store
