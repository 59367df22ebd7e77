#include "demofs/store/open_file_cache.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace demofs::store {
namespace {

OpenFileCache::File null_device() {
    return std::make_shared<const DataFile>(FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)), false);
}

bool is_open(int descriptor) {
    return ::fcntl(descriptor, F_GETFD) >= 0;
}

TEST(OpenFileCache, ClosesTheLeastRecentlyUsedFile) {
    OpenFileCache cache(2);
    const int a = [&] {
        auto file = null_device();
        cache.insert("a", file);
        return file->get();
    }();
    cache.insert("b", null_device());
    EXPECT_NE(cache.find("a"), nullptr);  // now b is the oldest
    cache.insert("c", null_device());
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_EQ(cache.find("b"), nullptr);
    EXPECT_TRUE(is_open(a));
    cache.erase("a");
    EXPECT_FALSE(is_open(a));
    EXPECT_NE(cache.find("c"), nullptr);
    cache.clear();
    EXPECT_EQ(cache.size(), 0U);
}

TEST(OpenFileCache, AFileInUseStaysOpenWhenItIsEvicted) {
    OpenFileCache cache(1);
    cache.insert("a", null_device());
    const OpenFileCache::File in_use = cache.find("a");
    cache.insert("b", null_device());
    EXPECT_EQ(cache.find("a"), nullptr);
    EXPECT_TRUE(is_open(in_use->get()));
}

TEST(OpenFileCache, TheFirstFileOfANameIsKept) {
    OpenFileCache cache(4);
    const auto first = null_device();
    cache.insert("a", first);
    cache.insert("a", null_device());
    EXPECT_EQ(cache.find("a"), first);
    EXPECT_EQ(cache.size(), 1U);
}

TEST(OpenFileCache, ACapacityOfNothingIsOne) {
    OpenFileCache cache(0);
    cache.insert("a", null_device());
    EXPECT_NE(cache.find("a"), nullptr);
}

}  // namespace
}  // namespace demofs::store
