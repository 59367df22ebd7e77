// rename(2) and renameat2(2), all cases: what is moved x what is there x flags x where to.
#include "mounted_vault.hpp"

namespace demofs::fs::test {
namespace {

using testing::IsEmpty;

enum class Thing { nothing, file, empty_directory, full_directory };
enum class Flags { none, no_replace, exchange };

std::string name_of(Thing thing) {
    switch (thing) {
        case Thing::nothing:
            return "Nothing";
        case Thing::file:
            return "File";
        case Thing::empty_directory:
            return "EmptyDirectory";
        case Thing::full_directory:
            return "FullDirectory";
    }
    return {};
}

bool is_directory(Thing thing) {
    return thing == Thing::empty_directory || thing == Thing::full_directory;
}

// What POSIX and renameat2(2) want; nothing: success.
std::optional<std::errc> expected(Thing source, Thing target, Flags flags) {
    if (source == Thing::nothing) return std::errc::no_such_file_or_directory;
    if (flags == Flags::exchange) {
        if (target == Thing::nothing) return std::errc::no_such_file_or_directory;
        return std::nullopt;
    }
    if (target == Thing::nothing) return std::nullopt;
    if (flags == Flags::no_replace) return std::errc::file_exists;
    if (is_directory(target) && !is_directory(source)) return std::errc::is_a_directory;
    if (!is_directory(target) && is_directory(source)) return std::errc::not_a_directory;
    if (target == Thing::full_directory) return std::errc::directory_not_empty;
    return std::nullopt;
}

class RenameMatrix : public testing::TestWithParam<std::tuple<Thing, Thing, Flags, bool>> {
  protected:
    std::optional<InodeNumber> make(InodeNumber parent, const std::string& name, Thing thing) {
        switch (thing) {
            case Thing::nothing:
                return std::nullopt;
            case Thing::file:
                return mount.file(parent, name);
            case Thing::empty_directory:
                return mount.directory(parent, name);
            case Thing::full_directory: {
                const InodeNumber directory = mount.directory(parent, name);
                mount.directory(directory, "inside");
                return directory;
            }
        }
        return std::nullopt;
    }
    std::optional<InodeNumber> at(InodeNumber parent, const std::string& name) {
        const Result<Attributes> found = mount.lookup(parent, name);
        if (!found) return std::nullopt;
        return found->inode;
    }

    Vault vault;
    Mount mount{vault};
};

TEST_P(RenameMatrix, DoesWhatPosixWants) {
    const auto [source, target, flags, other_parent] = GetParam();
    const InodeNumber from = mount.directory(root_inode, "from");
    const InodeNumber to = other_parent ? mount.directory(root_inode, "to") : from;
    const auto moved = make(from, "old", source);
    const auto replaced = make(to, "new", target);
    const auto result =
        mount.rename(from, "old", to, "new", flags == Flags::no_replace, flags == Flags::exchange);
    const std::optional<std::errc> error = expected(source, target, flags);
    if (error) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error(), *error);
        EXPECT_EQ(at(from, "old"), moved) << "nothing may have changed";
        EXPECT_EQ(at(to, "new"), replaced);
    } else {
        ASSERT_TRUE(result) << std::make_error_code(result.error()).message();
        EXPECT_EQ(at(to, "new"), moved);
        EXPECT_EQ(at(from, "old"), flags == Flags::exchange ? replaced : std::nullopt);
        if (is_directory(source)) {
            EXPECT_EQ(mount.lookup(*moved, "..").value().inode, to);
        }
        if (flags != Flags::exchange && replaced) {
            EXPECT_EQ(mount.stat(*replaced).value().links, 0u);
        }
    }
    EXPECT_THAT(mount.contradictions(), IsEmpty());
    EXPECT_EQ(mount.unmount(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(All, RenameMatrix,
                         testing::Combine(testing::Values(Thing::nothing, Thing::file, Thing::empty_directory,
                                                          Thing::full_directory),
                                          testing::Values(Thing::nothing, Thing::file, Thing::empty_directory,
                                                          Thing::full_directory),
                                          testing::Values(Flags::none, Flags::no_replace, Flags::exchange),
                                          testing::Bool()),
                         [](const auto& parameters) {
                             const auto flags = std::get<2>(parameters.param);
                             return name_of(std::get<0>(parameters.param)) + "Onto" +
                                    name_of(std::get<1>(parameters.param)) +
                                    (flags == Flags::none       ? ""
                                     : flags == Flags::exchange ? "Exchange"
                                                                : "NoReplace") +
                                    (std::get<3>(parameters.param) ? "ElsewhereDirectory" : "SameDirectory");
                         });

class Rename : public testing::Test {
  protected:
    void TearDown() override {
        EXPECT_THAT(mount.contradictions(), IsEmpty());
        EXPECT_EQ(mount.unmount(), nullptr);
    }
    Vault vault;
    Mount mount{vault};
};

TEST_F(Rename, ADirectoryCannotMoveIntoItself) {
    const InodeNumber a = mount.directory(root_inode, "a");
    const InodeNumber b = mount.directory(a, "b");
    const InodeNumber c = mount.directory(b, "c");
    EXPECT_EQ(mount.rename(root_inode, "a", a, "x").error(), std::errc::invalid_argument);
    EXPECT_EQ(mount.rename(root_inode, "a", c, "x").error(), std::errc::invalid_argument);
    EXPECT_EQ(mount.rename(root_inode, "a", b, "c", false, true).error(), std::errc::invalid_argument);
    EXPECT_EQ(mount.rename(b, "c", root_inode, "a", false, true).error(), std::errc::invalid_argument)
        << "an exchange must not put an ancestor into its descendant";
    EXPECT_EQ(mount.rename(b, "c", root_inode, "a").error(), std::errc::directory_not_empty);
    EXPECT_TRUE(mount.rename(b, "c", root_inode, "c")) << "out of it is fine";
}

TEST_F(Rename, TwoNamesOfOneFileStayBoth) {
    const InodeNumber file = mount.file(root_inode, "one");
    mount.link(file, root_inode, "two").value();
    EXPECT_TRUE(mount.rename(root_inode, "one", root_inode, "two"));
    EXPECT_EQ(mount.lookup(root_inode, "one").value().inode, file);
    EXPECT_EQ(mount.lookup(root_inode, "two").value().inode, file);
    EXPECT_TRUE(mount.rename(root_inode, "one", root_inode, "one"));
    EXPECT_EQ(mount.stat(file).value().links, 2u);
}

TEST_F(Rename, BothDirectoriesAndTheInodeGetTheTime) {
    const InodeNumber a = mount.directory(root_inode, "a");
    const InodeNumber b = mount.directory(root_inode, "b");
    const InodeNumber file = mount.file(a, "file");
    const Attributes before = mount.stat(file).value();
    fs::Rename rename{a, "file", b, "file", false, false, {9999, 1}};
    ASSERT_TRUE(mount.run(rename));
    EXPECT_EQ(mount.stat(a).value().modified, (Timestamp{9999, 1}));
    EXPECT_EQ(mount.stat(b).value().modified, (Timestamp{9999, 1}));
    EXPECT_EQ(mount.stat(file).value().changed, (Timestamp{9999, 1}));
    EXPECT_EQ(mount.stat(file).value().modified, before.modified);
}

TEST_F(Rename, FlagsAndNamesAreChecked) {
    mount.file(root_inode, "file");
    EXPECT_EQ(mount.rename(root_inode, "file", root_inode, "x", true, true).error(),
              std::errc::invalid_argument);
    EXPECT_EQ(mount.rename(root_inode, "file", root_inode, std::string(256, 'x')).error(),
              std::errc::filename_too_long);
    EXPECT_EQ(mount.rename(root_inode, ".", root_inode, "x").error(), std::errc::invalid_argument);
    EXPECT_EQ(mount.rename(root_inode, "file", mount.file(root_inode, "other"), "x").error(),
              std::errc::not_a_directory);
}

TEST_F(Rename, AReplacedOpenFileKeepsItsContent) {
    const InodeNumber old = mount.file(root_inode, "config");
    mount.write(old, 0, "old").value();
    const HandleId handle = mount.open_file(old);
    const InodeNumber fresh = mount.file(root_inode, "config.tmp");
    mount.write(fresh, 0, "new").value();
    ASSERT_TRUE(mount.rename(root_inode, "config.tmp", root_inode, "config"));
    EXPECT_EQ(mount.content(mount.lookup(root_inode, "config").value().inode), "new");
    EXPECT_EQ(mount.content(old), "old");
    mount.fs().release(handle);
}

}  // namespace
}  // namespace demofs::fs::test
