#include "demofs/store/file_descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temp_dir.hpp"

namespace demofs::store {
namespace {

class FileDescriptorTest : public testing::Test {
  protected:
    FileDescriptor open(int flags = O_RDWR | O_CREAT) {
        return FileDescriptor(::open((directory_ / "file").c_str(), flags | O_CLOEXEC, 0600));
    }
    static bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

    test_support::TempDir directory_;
};

TEST_F(FileDescriptorTest, ClosesWhenDestroyedAndOnlyOnce) {
    int number = -1;
    {
        FileDescriptor first = open();
        number = first.get();
        const FileDescriptor second = std::move(first);
        EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
        EXPECT_TRUE(is_open(number));
    }
    EXPECT_FALSE(is_open(number));
}

TEST_F(FileDescriptorTest, AssignmentClosesTheFormerFile) {
    FileDescriptor file = open();
    FileDescriptor other = open();
    const int former = file.get();
    const int kept = other.get();
    file = std::move(other);
    EXPECT_FALSE(is_open(former));
    EXPECT_EQ(file.get(), kept);
    EXPECT_EQ(file.close(), 0);
    EXPECT_FALSE(file);
    EXPECT_EQ(file.close(), 0);
}

}  // namespace
}  // namespace demofs::store
