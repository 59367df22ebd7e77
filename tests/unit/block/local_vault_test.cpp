// The block layer on a real directory.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "demofs/store/local_object_store.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using namespace test;

class LocalVault : public testing::Test {
  protected:
    template <class Body>
    void session(Body body) {
        test_support::run_coroutine(context, run(body));
    }

    template <class Body>
    asio::awaitable<void> run(Body& body) {
        auto pool = WorkerPool::make(2);
        asyncdrop::AsyncDropBox<store::IoEngine> io = store::open_io_engine(context.get_executor(), *pool);
        asyncdrop::AsyncDropBox<store::LocalObjectStore> store;
        std::unique_ptr<SegmentCatalog> catalog;
        BlockStack stack;
        std::exception_ptr error;
        try {
            const std::filesystem::path path = directory.path();
            const store::LocalStoreOptions options;
            co_await store::LocalObjectStore::initialize(*pool, path);
            store = co_await store::LocalObjectStore::open(*io, *pool, path, options);
            const asio::any_io_executor executor = context.get_executor();
            const SessionId id = new_session();
            catalog = std::make_unique<SegmentCatalog>(*store, keys);
            co_await catalog->refresh();
            stack = make_block_stack(executor, *store, *pool, keys, *catalog, settings, id);
            co_await body(*stack.cached);
        } catch (...) {
            error = std::current_exception();
        }
        try {
            co_await asyncdrop::drop_in_order(stack.cached, stack.pipeline, stack.log, store, io, pool);
        } catch (...) {
            if (!error) error = std::current_exception();
        }
        if (error) std::rethrow_exception(error);
    }

    asio::io_context context;
    test_support::TempDir directory;
    crypto::VaultKeys keys = test_keys();
    BlockSettings settings;
};

TEST_F(LocalVault, KeepsBlocksOverSessionsAndShowsNoPlaintext) {
    settings.segment_bytes = 1 << 20;
    settings.cache_bytes = 1 << 20;
    std::vector<BlockAddress> addresses;
    const std::string secret = "a sentence that must not be seen in the vault";
    session([&](BlockStore& blocks) -> asio::awaitable<void> {
        const BlockHeader header = header_of(BlockKind::data);
        for (std::uint64_t i = 0; i < 200; ++i) {
            addresses.push_back(blocks.append(header, payload_of(40'000, i), Placement::packed));
            if (i % 50 == 0) co_await blocks.sync();
            co_await blocks.throttle();
        }
        addresses.push_back(
            blocks.append(header, SharedBytes::copy_of(as_bytes(secret)), Placement::aligned));
        co_await blocks.sync();
    });
    session([&](BlockStore& blocks) -> asio::awaitable<void> {
        const std::vector<SharedBytes> read = co_await blocks.read_many(addresses, BlockKind::data);
        for (std::uint64_t i = 0; i < 200; ++i) EXPECT_TRUE(same_bytes(read[i], payload_of(40'000, i)));
        EXPECT_EQ(as_text(read[200]), secret);
        for (std::uint64_t i = 0; i < 200; i += 7) {
            const SharedBytes one = co_await blocks.read(addresses[i], BlockKind::data);
            EXPECT_TRUE(same_bytes(one, payload_of(40'000, i)));
        }
    });
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string contents((std::istreambuf_iterator<char>(file)), {});
        EXPECT_EQ(contents.find(secret), std::string::npos);
        ++files;
    }
    EXPECT_GE(files, 8u);
}

}  // namespace
}  // namespace demofs::block
