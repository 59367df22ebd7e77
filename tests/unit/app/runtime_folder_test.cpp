#include "demofs/app/runtime_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "demofs/base/error.hpp"
#include "tests/support/temp_dir.hpp"

namespace demofs::app {
namespace {

namespace files = std::filesystem;

constexpr uid_t another_user = 65534;

// "own" belongs to this user alone, as $XDG_RUNTIME_DIR does; all can write to "shared".
class RuntimeFolderTest : public testing::Test {
  public:
    RuntimeFolderTest() {
        places_.user = ::geteuid();
        places_.own = {(directory_ / "own").string()};
        places_.shared = {shared().string()};
        files::create_directory(own());
        files::permissions(own(), files::perms::owner_all);
        files::create_directory(shared());
        files::permissions(shared(), files::perms::all | files::perms::sticky_bit);
    }

  protected:
    files::path own() const { return directory_ / "own"; }
    files::path shared() const { return directory_ / "shared"; }
    files::path made_in_shared() const {
        const files::directory_iterator first(shared());
        return first == files::directory_iterator{} ? files::path() : first->path();
    }

    test_support::TempDir directory_;
    RuntimePlaces places_;
};

TEST_F(RuntimeFolderTest, IsMadeForItsUserAloneAndFoundAgain) {
    EXPECT_TRUE(runtime_folders(places_).empty());
    static_cast<void>(make_runtime_folder(places_));
    static_cast<void>(make_runtime_folder(places_));
    EXPECT_EQ(files::status(own() / "demofs").permissions(), files::perms::owner_all);
    EXPECT_TRUE(files::is_empty(shared()));
    EXPECT_EQ(runtime_folders(places_).size(), 1u);
}

TEST_F(RuntimeFolderTest, IsElsewhereWhereOthersCanWriteToThePlace) {
    files::permissions(own(), files::perms::all);
    static_cast<void>(make_runtime_folder(places_));
    EXPECT_TRUE(files::is_empty(own()));
    EXPECT_EQ(files::status(made_in_shared()).permissions(), files::perms::owner_all);
    EXPECT_EQ(runtime_folders(places_).size(), 1u);
    static_cast<void>(make_runtime_folder(places_));
    EXPECT_EQ(runtime_folders(places_).size(), 1u);  // the same again
}

TEST_F(RuntimeFolderTest, IsNoneThatOthersMayEnter) {
    files::create_directory(own() / "demofs");
    files::permissions(own() / "demofs", files::perms::owner_all | files::perms::group_exec);
    EXPECT_TRUE(runtime_folders(places_).empty());
    static_cast<void>(make_runtime_folder(places_));
    EXPECT_FALSE(made_in_shared().empty());
}

TEST_F(RuntimeFolderTest, IsNoSymbolicLink) {
    files::create_directory(directory_ / "elsewhere");
    files::permissions(directory_ / "elsewhere", files::perms::owner_all);
    files::create_directory_symlink(directory_ / "elsewhere", own() / "demofs");
    static_cast<void>(make_runtime_folder(places_));
    EXPECT_FALSE(made_in_shared().empty());
}

TEST_F(RuntimeFolderTest, IsNoneOfAnotherUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give folders away";
    const std::string name = shared() / ("demofs-" + std::to_string(::geteuid()) + "-taken");
    files::create_directory(name);
    files::permissions(name, files::perms::owner_all);
    ASSERT_EQ(::chown(name.c_str(), another_user, another_user), 0);
    ASSERT_EQ(::chown(own().c_str(), another_user, another_user), 0);
    EXPECT_TRUE(runtime_folders(places_).empty());
    static_cast<void>(make_runtime_folder(places_));
    EXPECT_EQ(runtime_folders(places_).size(), 1u);
}

TEST_F(RuntimeFolderTest, IsInTheNextPlaceWhereOneCannotBeWrittenTo) {
    places_.own = {(directory_ / "missing").string()};
    places_.shared.insert(places_.shared.begin(), (directory_ / "missing-too").string());
    static_cast<void>(make_runtime_folder(places_));
    EXPECT_FALSE(made_in_shared().empty());
    EXPECT_EQ(runtime_folders(places_).size(), 1u);
}

TEST_F(RuntimeFolderTest, IsLookedForInTheTemporaryFolderOfTheEnvironmentLast) {
    ::setenv("TMPDIR", shared().c_str(), 1);
    const RuntimePlaces ours = RuntimePlaces::of(::geteuid());
    const RuntimePlaces theirs = RuntimePlaces::of(another_user);
    ::setenv("TMPDIR", "relative", 1);
    const RuntimePlaces none = RuntimePlaces::of(::geteuid());
    ::unsetenv("TMPDIR");
    EXPECT_EQ(ours.shared, (std::vector<std::string>{"/tmp", "/var/tmp", shared().string()}));
    EXPECT_EQ(theirs.shared, (std::vector<std::string>{"/tmp", "/var/tmp"}));  // not their environment
    EXPECT_EQ(none.shared, theirs.shared);
}

TEST_F(RuntimeFolderTest, ThatCannotBeMadeIsAnErrorThatNamesThePlaces) {
    places_.own = {(directory_ / "missing").string()};
    places_.shared = {(directory_ / "missing-too").string()};
    try {
        static_cast<void>(make_runtime_folder(places_));
        FAIL() << "made";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find(places_.shared.front()), std::string::npos) << error.what();
    }
}

TEST_F(RuntimeFolderTest, HasShortPathsForSocketsHoweverLongItsOwnIs) {
    files::path deep = own() / std::string(200, 'd');
    files::create_directory(deep);
    files::permissions(deep, files::perms::owner_all);
    places_.own = {deep.string()};
    const RuntimeFolder folder = make_runtime_folder(places_);
    const std::string path = folder.path_of(std::string(40, 's'));
    EXPECT_LT(path.size(), sizeof sockaddr_un{}.sun_path);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(socket);
    EXPECT_EQ(folder.entries(), (std::vector<std::string>{std::string(40, 's')}));
}

TEST_F(RuntimeFolderTest, ThatWasRemovedIsNotTakenForOne) {
    const RuntimeFolder folder = make_runtime_folder(places_);
    ASSERT_TRUE(folder.lock());
    folder.remove_if_empty();
    folder.unlock();
    EXPECT_FALSE(folder.lock());
    EXPECT_TRUE(make_runtime_folder(places_).lock());
}

// By a daemon that was stopped while it had it, for instance.
TEST_F(RuntimeFolderTest, ThatStaysLockedIsGivenUpAndNamed) {
    const RuntimeFolder theirs = make_runtime_folder(places_);
    ASSERT_TRUE(theirs.lock());
    const RuntimeFolder ours = make_runtime_folder(places_);
    try {
        (void)ours.lock(std::chrono::milliseconds(20));
        FAIL() << "two have it locked";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), std::errc::timed_out);
        EXPECT_THAT(error.what(),
                    testing::HasSubstr("demofs locked: a demofs daemon of yours that is stopped"));
    }
    theirs.unlock();
    EXPECT_TRUE(ours.lock());
}

}  // namespace
}  // namespace demofs::app
