#include "demofs/store/lenient_object_store.hpp"

#include <gmock/gmock.h>

#include <asyncdrop/drop_in_order.hpp>
#include <functional>

#include "demofs/base/error.hpp"
#include "demofs/store/fault_object_store.hpp"
#include "demofs/store/testing/memory_object_store.hpp"
#include "tests/support/run_coroutine.hpp"

namespace demofs::store {
namespace {

using testing::Each;

class LenientStore : public testing::Test {
  protected:
    LenientStore() {
        Bytes bytes(20'000);
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(i / 100 + 1);
        disk->put("object", bytes);
    }

    void fail_reads(std::uint64_t nth, bool persistent) {
        Fault fault;
        fault.kind = OperationKind::read;
        fault.nth = nth;
        fault.persistent = persistent;
        plan->add(fault);
    }

    void use(const std::function<asio::awaitable<void>(LenientObjectStore&)>& body) {
        auto work = [&]() -> asio::awaitable<void> {
            asyncdrop::AsyncDropBox<FaultObjectStore> faulty =
                FaultObjectStore::make(MemoryObjectStore::open(disk), plan);
            asyncdrop::AsyncDropBox<LenientObjectStore> lenient = LenientObjectStore::make(*faulty);
            std::exception_ptr error;
            try {
                co_await body(*lenient);
            } catch (...) {
                error = std::current_exception();
            }
            co_await asyncdrop::drop_in_order(lenient, faulty);
            if (error) std::rethrow_exception(error);
        };
        test_support::run_coroutine(context, work());
    }

    asio::io_context context;
    std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>();
    std::shared_ptr<FaultPlan> plan = std::make_shared<FaultPlan>();
};

TEST_F(LenientStore, ReadsWhatThereIs) {
    use([&](LenientObjectStore& store) -> asio::awaitable<void> {
        Bytes out(10'000);
        const MutableByteSpan buffer(out);
        EXPECT_EQ(co_await store.read("object", 500, buffer), 10'000u);
        EXPECT_EQ(out.front(), std::byte{6});
        EXPECT_EQ(co_await store.read("object", 15'000, buffer), 5'000u);
        EXPECT_EQ(store.unreadable_bytes(), 0u);
        const std::vector<ObjectInfo> listed = co_await store.list();
        EXPECT_EQ(listed.size(), 1u);
    });
    EXPECT_EQ(plan->operations(), 4u);  // with the closing
}

TEST_F(LenientStore, AFailedReadIsDoneAgainPageByPage) {
    fail_reads(1, false);
    use([&](LenientObjectStore& store) -> asio::awaitable<void> {
        Bytes out(10'000);
        const MutableByteSpan buffer(out);
        EXPECT_EQ(co_await store.read("object", 500, buffer), 10'000u);
        EXPECT_EQ(out[0], std::byte{6});
        EXPECT_EQ(out[9'999], std::byte{105});
        EXPECT_EQ(store.unreadable_bytes(), 0u);
    });
}

TEST_F(LenientStore, ZerosStandForPagesThatCannotBeRead) {
    fail_reads(1, false);
    fail_reads(3, false);  // the second page
    use([&](LenientObjectStore& store) -> asio::awaitable<void> {
        Bytes out(10'000, std::byte{0xff});
        const MutableByteSpan buffer(out);
        EXPECT_EQ(co_await store.read("object", 500, buffer), 10'000u);
        EXPECT_EQ(out[4096 - 501], std::byte{41});
        const Bytes page(out.begin() + 4096 - 500, out.begin() + 8192 - 500);
        EXPECT_THAT(page, Each(std::byte{0}));
        EXPECT_EQ(out[8192 - 500], std::byte{82});
        EXPECT_EQ(store.unreadable_bytes(), 4096u);
    });
}

TEST_F(LenientStore, ADiskThatReadsNothingGivesZeros) {
    fail_reads(1, true);
    use([&](LenientObjectStore& store) -> asio::awaitable<void> {
        Bytes out(10'000, std::byte{0xff});
        const MutableByteSpan buffer(out);
        EXPECT_EQ(co_await store.read("object", 0, buffer), 10'000u);
        EXPECT_THAT(out, Each(std::byte{0}));
        EXPECT_EQ(store.unreadable_bytes(), 10'000u);
    });
}

TEST_F(LenientStore, AMissingObjectIsMissing) {
    use([&](LenientObjectStore& store) -> asio::awaitable<void> {
        Bytes out(10);
        const MutableByteSpan buffer(out);
        std::exception_ptr error;
        try {
            static_cast<void>(co_await store.read("gone", 0, buffer));
        } catch (const Error&) {
            error = std::current_exception();
        }
        EXPECT_TRUE(has_code(error, std::make_error_code(std::errc::no_such_file_or_directory)));
    });
}

TEST_F(LenientStore, NothingCanBeChanged) {
    use([&](LenientObjectStore& store) -> asio::awaitable<void> {
        std::exception_ptr error;
        try {
            co_await store.remove("object");
        } catch (const Error&) {
            error = std::current_exception();
        }
        EXPECT_TRUE(has_code(error, std::make_error_code(std::errc::read_only_file_system)));
    });
    EXPECT_TRUE(disk->contains("object"));
}

}  // namespace
}  // namespace demofs::store
