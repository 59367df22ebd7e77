#include "tests/unit/budgets/operations.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>

namespace demofs::fs::test {
namespace {

constexpr std::size_t KiB = 1024;
constexpr std::size_t MiB = 1024 * KiB;
constexpr std::uint32_t file_mode = S_IFREG | 0644;

const char* const names[] = {"new0", "new1"};
const char* const empty_directories[] = {"e0", "e1"};
const char* const large_names[] = {"l0", "l1"};
const char* const small_names[] = {"f8", "f9"};

void list(Stage& stage, InodeNumber directory, std::size_t limit, bool with_attributes, bool to_the_end) {
    for (std::uint64_t after = 0;;) {
        const auto entries = stage.run(ReadDirectory{directory, after, limit, with_attributes});
        if (entries.empty() || !to_the_end) return;
        after = entries.back().cookie;
    }
}

void change_mode(Stage& stage, InodeNumber inode) {
    SetAttributes set;
    set.inode = inode;
    set.set_mode = true;
    set.mode = 0600;
    set.now = Stage::now();
    stage.run(set);
}

void create_hundred(Stage& stage, InodeNumber directory) {
    for (int i = 0; i < 100; ++i) stage.make(directory, ("c" + std::to_string(i)).c_str(), file_mode);
}

constexpr bool reading = true;
constexpr bool changing = false;
constexpr bool overlapping = true;

// clang-format off
const Operation operations[] = {
    // --- names and attributes ---
    {"lookup", reading, [](Stage& s, std::size_t i) { EXPECT_TRUE(s.lookup(s.directories[i], "f3")); }},
    {"lookup of a missing name", reading, [](Stage& s, std::size_t i) { EXPECT_FALSE(s.lookup(s.directories[i], "none")); }},
    {"lookup in a large directory", reading, [](Stage& s, std::size_t) { EXPECT_TRUE(s.lookup(s.many, "n2500")); }},
    {"stat", reading, [](Stage& s, std::size_t i) { s.run(GetAttributes{s.small[i][3]}); }},
    {"readlink", reading, [](Stage& s, std::size_t i) { s.run(ReadLink{s.links[i]}); }},
    {"list a small directory", reading, [](Stage& s, std::size_t i) { list(s, s.directories[i], 100, false, true); }},
    {"list 100 of a large directory", reading, [](Stage& s, std::size_t) { list(s, s.many, 100, false, false); }},
    {"list and stat a large directory", reading, [](Stage& s, std::size_t) { list(s, s.many, 100, true, true); }},
    {"open and release", reading, [](Stage& s, std::size_t i) { s.open_and_release(s.small[i][3]); }},
    {"statfs", reading, [](Stage& s, std::size_t) { s.statfs(); }},
    // --- changes of names and attributes ---
    {"create a file", changing, [](Stage& s, std::size_t i) { s.make(s.directories[i], names[i], file_mode); }},
    {"create a file in a large directory", changing, [](Stage& s, std::size_t i) { s.make(s.many, names[i], file_mode); }},
    {"create a directory", changing, [](Stage& s, std::size_t i) { s.make(s.directories[i], names[i], S_IFDIR | 0755); }},
    {"create a symlink", changing, [](Stage& s, std::size_t i) { s.make(s.directories[i], names[i], S_IFLNK | 0777, "f0"); }},
    {"link", changing, [](Stage& s, std::size_t i) { s.run(Link{s.small[i][3], s.directories[i], names[i], Stage::now()}); }},
    {"unlink a small file", changing, [](Stage& s, std::size_t i) { s.remove(s.directories[0], small_names[i]); }},
    {"unlink a large file", changing, [](Stage& s, std::size_t i) { s.remove(root_inode, large_names[i]); }},
    {"remove a directory", changing, [](Stage& s, std::size_t i) { s.remove(root_inode, empty_directories[i], true); }},
    {"rename in a directory", changing, [](Stage& s, std::size_t i) { s.rename(s.directories[i], "f3", s.directories[i], names[i]); }},
    {"rename into another directory", changing, [](Stage& s, std::size_t i) { s.rename(s.directories[0], small_names[i], s.directories[1], names[i]); }},
    {"rename over a file", changing, [](Stage& s, std::size_t i) { s.rename(s.directories[i], "f3", s.directories[i], "f4"); }},
    {"change the mode", changing, [](Stage& s, std::size_t i) { change_mode(s, s.small[i][3]); }},
    {"truncate a large file to nothing", changing, [](Stage& s, std::size_t i) { s.truncate(s.large[i], 0); }},
    {"grow a small file to 1 MiB", changing, [](Stage& s, std::size_t i) { s.truncate(s.small[i][3], MiB); }},
    // --- reading ---
    {"read a small file", reading, [](Stage& s, std::size_t i) { s.read(s.small[i][3], 0, 128 * KiB); }},
    {"read 4 KiB of a large file", reading, [](Stage& s, std::size_t i) { s.read(s.large[i], 3 * MiB + 8 * KiB, 4 * KiB); }},
    {"read 128 KiB of a large file", reading, [](Stage& s, std::size_t i) { s.read(s.large[i], 3 * MiB, 128 * KiB); }},
    {"read 1 MiB of a large file", reading, [](Stage& s, std::size_t i) { s.read(s.large[i], 3 * MiB, MiB); }, nullptr, overlapping},
    {"read behind the end", reading, [](Stage& s, std::size_t i) { s.read(s.large[i], large_file_bytes, 4 * KiB); }},
    {"read a large file from front to back", reading,
     [](Stage& s, std::size_t i) { for (std::size_t at = 0; at < large_file_bytes; at += 128 * KiB) s.read(s.large[i], at, 128 * KiB); },
     nullptr, overlapping},
    // --- writing ---
    {"overwrite a small file", changing, [](Stage& s, std::size_t i) { s.write(s.small[i][3], 0, small_file_bytes); }},
    {"append 100 bytes to a small file", changing, [](Stage& s, std::size_t i) { s.write(s.small[i][3], small_file_bytes, 100); }},
    {"write 4 KiB into a large file", changing, [](Stage& s, std::size_t i) { s.write(s.large[i], 3 * MiB + 8 * KiB, 4 * KiB); }},
    {"write 32 KiB into a large file", changing, [](Stage& s, std::size_t i) { s.write(s.large[i], 3 * MiB, 32 * KiB); }},
    {"write 1 MiB into a large file", changing, [](Stage& s, std::size_t i) { s.write(s.large[i], 3 * MiB, MiB); }, nullptr, overlapping},
    {"append 4 KiB to a large file", changing, [](Stage& s, std::size_t i) { s.write(s.large[i], large_file_bytes, 4 * KiB); }},
    // --- durability ---
    {"fsync of a clean file", reading, [](Stage& s, std::size_t i) { s.sync(s.small[i][3]); }},
    {"change the mode, fsync", changing, [](Stage& s, std::size_t i) { change_mode(s, s.small[i][3]); s.sync(s.small[i][3]); }},
    {"overwrite a small file, fsync", changing, [](Stage& s, std::size_t i) { s.write(s.small[i][3], 0, small_file_bytes); s.sync(s.small[i][3]); }},
    {"write 4 KiB into a large file, fsync", changing, [](Stage& s, std::size_t i) { s.write(s.large[i], 3 * MiB + 8 * KiB, 4 * KiB); s.sync(s.large[i]); }},
    {"append 4 KiB to a large file, fsync", changing, [](Stage& s, std::size_t i) { s.write(s.large[i], large_file_bytes, 4 * KiB); s.sync(s.large[i]); }},
    {"create, write 4 KiB, fsync", changing,
     [](Stage& s, std::size_t i) { const InodeNumber file = s.make(s.directories[i], names[i], file_mode); s.write(file, 0, 4 * KiB); s.sync(file); }},
    {"create 100 files, fsync the directory", changing, [](Stage& s, std::size_t i) { create_hundred(s, s.directories[i]); s.sync(s.directories[i]); }},
    {"unlink, fsync the directory", changing, [](Stage& s, std::size_t i) { s.remove(s.directories[0], small_names[i]); s.sync(s.directories[0]); }},
    {"rename over a file, fsync the directory", changing,
     [](Stage& s, std::size_t i) { s.rename(s.directories[i], "f3", s.directories[i], "f4"); s.sync(s.directories[i]); }},
    {"write a new file of 8 MiB, fsync", changing,
     [](Stage& s, std::size_t i) { const InodeNumber file = s.make(s.directories[i], names[i], file_mode);
                                   for (std::size_t at = 0; at < 8 * MiB; at += MiB) s.write(file, at, MiB);
                                   s.sync(file); },
     nullptr, overlapping},
    // --- mounts ---
    {"mount", reading, [](Stage& s, std::size_t) { s.mount(); }, [](Stage& s) { s.unmount(); }},
    {"unmount, nothing to write", reading, [](Stage& s, std::size_t) { s.unmount(); }},
    {"unmount, 100 new files", reading, [](Stage& s, std::size_t) { s.unmount(); }, [](Stage& s) { create_hundred(s, s.directories[0]); }},
};
// clang-format on

}  // namespace

const Operation& find_operation(std::string_view name) {
    const auto* const found = std::ranges::find(operations, name, &Operation::name);
    if (found == std::end(operations))
        throw std::out_of_range("There is no operation \"" + std::string(name) + "\".");
    return *found;
}

}  // namespace demofs::fs::test
