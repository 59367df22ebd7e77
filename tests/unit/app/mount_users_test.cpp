#include "demofs/app/mount_users.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "tests/support/temp_dir.hpp"

namespace demofs::app {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::EndsWith;

// Another process with an open file and its working directory in the folder.
class User {
  public:
    explicit User(const std::string& folder) {
        const int file = ::open((folder + "/file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        int ready[2];
        EXPECT_EQ(::pipe(ready), 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            const bool moved = ::chdir(folder.c_str()) == 0;
            const bool told = ::write(ready[1], "R", 1) == 1;
            while (moved && told) ::pause();
            ::_exit(1);
        }
        char word = 0;
        EXPECT_EQ(::read(ready[0], &word, 1), 1);
        for (const int descriptor : {file, ready[0], ready[1]}) ::close(descriptor);
    }
    User(const User&) = delete;
    User& operator=(const User&) = delete;
    ~User() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    pid_t pid() const { return pid_; }

  private:
    pid_t pid_ = -1;
};

std::string device_of(const std::string& folder) {
    struct stat status{};
    EXPECT_EQ(::stat(folder.c_str(), &status), 0);
    return std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
}

TEST(MountUsers, AreOthersThatHaveSomethingOfTheFilesystem) {
    const test_support::TempDir folder;
    const User user(folder.path().string());
    const std::vector<MountUser> users = users_of(device_of(folder.path().string()), seconds(60));
    const auto found = std::ranges::find(users, user.pid(), &MountUser::pid);
    ASSERT_NE(found, users.end());
    EXPECT_EQ(found->command, "app_test");
    EXPECT_THAT(found->holds, Contains("working directory"));
    EXPECT_THAT(found->holds, Contains(testing::HasSubstr("open file")));
    EXPECT_EQ(std::ranges::find(users, ::getpid(), &MountUser::pid), users.end());
}

TEST(MountUsers, OfNoFilesystemAreNone) {
    EXPECT_TRUE(users_of("").empty());
    EXPECT_TRUE(users_of("0").empty());
    EXPECT_TRUE(users_of("0:x").empty());
    EXPECT_TRUE(users_of("4095:1048575", seconds(60)).empty());
}

TEST(MountUsers, AreToldWithWhatTheyHold) {
    EXPECT_EQ(describe_users({}), "");
    EXPECT_EQ(
        describe_users({{7, "vim", {"2 open files", "working directory"}}, {9, "bash", {"root directory"}}}),
        "vim (7: 2 open files and working directory), bash (9: root directory)");
    const std::vector<MountUser> many(11, {1, "cat", {"1 open file"}});
    EXPECT_THAT(describe_users(many), EndsWith(" and 3 more"));
}

}  // namespace
}  // namespace demofs::app
