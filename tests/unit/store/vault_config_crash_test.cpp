// The change of a vault's key slots, interrupted at every step: by a power cut that keeps any part of what
// was not yet durable, and by a system that refuses one call. The vault must then open with the old or the
// new password; after the end of the change only with the new one, from both copies.
//
// This program's own write, fsync, rename and unlink take the place of libc's. In the vault's directory they
// keep a model of what the disk may hold, and do the real thing or fail.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "demofs/base/error.hpp"
#include "demofs/crypto/key_slots.hpp"
#include "demofs/store/vault_config_file.hpp"
#include "tests/support/temp_dir.hpp"

namespace {

namespace files = std::filesystem;

using Contents = std::map<std::string, std::string>;  // of a directory, by name

// What a disk may hold of one directory. A directory's changes and a file's bytes are durable when they were
// synced; until then each change of a name, and any part of the bytes, may have reached the disk or not.
class DiskModel {
  public:
    explicit DiskModel(const files::path& directory) : directory_(directory) {
        for (const auto& entry : files::directory_iterator(directory)) {
            std::ifstream in(entry.path(), std::ios::binary);
            const int file = file_of(entry.path().filename());
            files_[file].bytes = std::string(std::istreambuf_iterator<char>(in), {});
            files_[file].durable = true;
            durable_names_[entry.path().filename()] = file;
        }
    }

    [[nodiscard]] bool holds(const files::path& path) const { return path.parent_path() == directory_; }
    [[nodiscard]] bool is(const files::path& path) const { return path == directory_; }

    void written(const files::path& path, std::string_view bytes) {
        const std::string name = path.filename();
        if (!names_.contains(name)) change(name, file_of(name));
        files_[names_[name]].bytes += bytes;
        files_[names_[name]].durable = false;
    }
    void synced(const files::path& path) { files_[names_[path.filename()]].durable = true; }
    void directory_synced() {
        for (const Change& made : changes_) apply(made, durable_names_);
        changes_.clear();
    }
    void renamed(const files::path& from, const files::path& to) {
        const int file = names_[from.filename()];
        change(to.filename(), file);
        change(from.filename(), std::nullopt);
    }
    void unlinked(const files::path& path) { change(path.filename(), std::nullopt); }

    // Everything that can be found there after a power cut now.
    [[nodiscard]] std::vector<Contents> possible() const {
        std::vector<Contents> found;
        for (std::size_t subset = 0; subset < (std::size_t{1} << changes_.size()); ++subset) {
            Names names = durable_names_;
            for (std::size_t i = 0; i < changes_.size(); ++i)
                if (((subset >> i) & 1U) != 0) apply(changes_[i], names);
            std::vector<Contents> states{Contents()};
            for (const auto& [name, file] : names) {
                std::vector<Contents> more;
                for (const std::string& bytes : possible_bytes(files_.at(file))) {
                    for (Contents state : states) {
                        state[name] = bytes;
                        more.push_back(std::move(state));
                    }
                }
                states = std::move(more);
            }
            found.insert(found.end(), states.begin(), states.end());
        }
        return found;
    }

  private:
    using Names = std::map<std::string, int>;
    struct Change {
        std::string name;
        std::optional<int> file;  // none: the name goes
    };
    struct File {
        std::string bytes;
        bool durable = false;
    };

    static void apply(const Change& made, Names& names) {
        if (made.file) {
            names[made.name] = *made.file;
        } else {
            names.erase(made.name);
        }
    }
    static std::vector<std::string> possible_bytes(const File& file) {
        if (file.durable) return {file.bytes};
        return {"", file.bytes.substr(0, file.bytes.size() / 2), std::string(file.bytes.size(), '\0'),
                file.bytes};
    }

    int file_of(const std::string& name) {
        names_[name] = next_file_;
        return next_file_++;
    }
    void change(const std::string& name, std::optional<int> file) {
        const Change made{name, file};
        changes_.push_back(made);
        apply(made, names_);
    }

    files::path directory_;
    int next_file_ = 0;
    Names names_;          // as a program sees them
    Names durable_names_;  // as they are on the disk for sure
    std::vector<Change> changes_;
    std::map<int, File> files_;
};

DiskModel* disk = nullptr;               // none: nobody looks
std::function<bool()> before_each_call;  // false: the call fails

files::path path_of(int descriptor) {
    std::error_code ignored;
    return files::read_symlink("/proc/self/fd/" + std::to_string(descriptor), ignored);
}

// Whether the call goes on, if it concerns the vault.
bool allowed(const files::path& path) {
    if (disk == nullptr || !(disk->holds(path) || disk->is(path))) return true;
    if (before_each_call()) return true;
    errno = ENOSPC;
    return false;
}

bool watched(const files::path& path) {
    return disk != nullptr && disk->holds(path);
}

}  // namespace

extern "C" ssize_t write(int descriptor, const void* bytes, size_t size) {
    if (disk == nullptr) return ::syscall(SYS_write, descriptor, bytes, size);
    const files::path path = path_of(descriptor);
    if (!allowed(path)) return -1;
    const auto count = ::syscall(SYS_write, descriptor, bytes, size);
    if (count > 0 && watched(path))
        disk->written(path, {static_cast<const char*>(bytes), static_cast<size_t>(count)});
    return count;
}
extern "C" int fsync(int descriptor) {
    if (disk == nullptr) return static_cast<int>(::syscall(SYS_fsync, descriptor));
    const files::path path = path_of(descriptor);
    if (!allowed(path)) return -1;
    const auto result = static_cast<int>(::syscall(SYS_fsync, descriptor));
    if (result == 0 && watched(path)) disk->synced(path);
    if (result == 0 && disk->is(path)) disk->directory_synced();
    return result;
}
extern "C" int rename(const char* from, const char* to) noexcept {
    if (!allowed(to)) return -1;
    const auto result = static_cast<int>(::syscall(SYS_rename, from, to));
    if (result == 0 && watched(to)) disk->renamed(from, to);
    return result;
}
extern "C" int unlink(const char* path) noexcept {
    // What was not there is no step.
    if (disk != nullptr && ::access(path, F_OK) == 0 && !allowed(path)) return -1;
    const auto result = static_cast<int>(::syscall(SYS_unlink, path));
    if (result == 0 && watched(path)) disk->unlinked(path);
    return result;
}

namespace demofs::store {
namespace {

using testing::HasSubstr;

crypto::Credential password(std::string_view text) {
    return {crypto::SlotType::password, crypto::Password::copy_of(text)};
}

crypto::NewKey key(std::string_view text) {
    return {password(text), "", crypto::KdfParameters::weakest_for_tests()};
}

enum class Start { good, first_copy_torn, second_copy_older, first_copy_missing, leftovers };

class VaultConfigCrash : public testing::TestWithParam<Start> {
  protected:
    VaultConfigCrash() {
        crypto::NewVault vault = crypto::create(key("old"), crypto::Cipher::aes_256_gcm);
        old_text = crypto::to_json(vault.config);
        crypto::VaultConfig changed = vault.config;
        crypto::replace_slot(changed, 0, vault.master, key("older"));
        older_text = crypto::to_json(changed);
        crypto::replace_slot(changed, 0, vault.master, key("new"));
        new_text = crypto::to_json(changed);
    }

    [[nodiscard]] Contents contents_at_the_start() const {
        Contents contents{{"demofs.json", old_text}, {"demofs.json.bak", old_text}};
        if (GetParam() == Start::first_copy_torn) contents["demofs.json"].resize(old_text.size() / 3);
        if (GetParam() == Start::second_copy_older) contents["demofs.json.bak"] = older_text;
        if (GetParam() == Start::first_copy_missing) contents.erase("demofs.json");
        if (GetParam() == Start::leftovers) {
            contents["demofs.json.tmp"] = older_text;
            contents["demofs.json.bak.tmp"] = older_text.substr(0, 50);
        }
        return contents;
    }

    static void fill(const files::path& directory, const Contents& contents) {
        for (const auto& [name, bytes] : contents) std::ofstream(directory / name, std::ios::binary) << bytes;
    }

    // Which passwords open what a directory holds.
    static std::set<std::string> opening(const files::path& directory) {
        const auto check = [](std::string_view text) { static_cast<void>(crypto::from_json(text)); };
        const crypto::VaultConfig config = crypto::from_json(read_vault_config(directory, check).text);
        std::set<std::string> found;
        for (const char* text : {"old", "new", "older"}) {
            try {
                static_cast<void>(crypto::unlock(config, password(text)));
                found.insert(text);
            } catch (const Error& error) {
                EXPECT_EQ(error.code(), Errc::wrong_password) << error.what();
            }
        }
        return found;
    }

    static std::set<std::string> opening(const Contents& contents) {
        const test_support::TempDir directory;
        fill(directory.path(), contents);
        try {
            return opening(directory.path());
        } catch (const Error& error) {
            ADD_FAILURE() << error.what();
            return {};
        }
    }

    // Runs the change with `each_call` before each of its steps. Rethrows what it throws.
    void change(const files::path& directory, const std::function<bool()>& each_call,
                DiskModel& model) const {
        before_each_call = each_call;
        disk = &model;
        try {
            replace_vault_config(directory, new_text);
        } catch (...) {
            disk = nullptr;
            throw;
        }
        disk = nullptr;
    }

    static std::string get(const files::path& path) {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    std::string old_text;
    std::string older_text;
    std::string new_text;
};

TEST_P(VaultConfigCrash, LeavesAVaultThatOpensWithTheOldOrTheNewPassword) {
    const test_support::TempDir directory;
    fill(directory.path(), contents_at_the_start());
    DiskModel model(directory.path());
    int steps = 0;
    std::size_t states = 0;
    std::set<std::set<std::string>> seen;
    const auto power_cut = [&] {
        ++steps;
        DiskModel* const recording = std::exchange(disk, nullptr);
        for (const Contents& contents : model.possible()) {
            ++states;
            const std::set<std::string> passwords = opening(contents);
            EXPECT_TRUE(passwords == std::set<std::string>{"old"} ||
                        passwords == std::set<std::string>{"new"})
                << "before step " << steps;
            seen.insert(passwords);
        }
        disk = recording;
        return true;
    };
    change(directory.path(), power_cut, model);
    EXPECT_GE(steps, 8) << "write, fsync, rename and fsync of the directory, for each copy";
    EXPECT_GT(states, 30u);
    EXPECT_EQ(seen.size(), 2u) << "some power cuts leave the old one, some the new one";
    for (const Contents& contents : model.possible()) {
        EXPECT_EQ(contents, (Contents{{"demofs.json", new_text}, {"demofs.json.bak", new_text}}))
            << "after the end everything is durable, and nothing old is left";
    }
}

TEST_P(VaultConfigCrash, OfAStepThatFailsLeavesTheOldOrTheNewPasswordAndCanBeRepeated) {
    for (int failing = 1;; ++failing) {
        SCOPED_TRACE("step " + std::to_string(failing));
        const test_support::TempDir directory;
        fill(directory.path(), contents_at_the_start());
        DiskModel model(directory.path());
        int step = 0;
        try {
            change(directory.path(), [&] { return ++step != failing; }, model);
            if (step < failing) {
                EXPECT_GT(failing, 8);
                return;
            }
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), std::errc::no_space_on_device);
            EXPECT_THAT(error.what(), HasSubstr(directory.path().string()));
            const std::set<std::string> passwords = opening(directory.path());
            const bool is_new = get(directory / "demofs.json") == new_text;
            EXPECT_EQ(passwords, std::set<std::string>{is_new ? "new" : "old"});
        }
        replace_vault_config(directory.path(), new_text);
        EXPECT_EQ(get(directory / "demofs.json"), new_text);
        EXPECT_EQ(get(directory / "demofs.json.bak"), new_text);
        EXPECT_EQ(std::distance(files::directory_iterator(directory.path()), {}), 2);
    }
}

std::string name_of_start(const testing::TestParamInfo<Start>& tested) {
    switch (tested.param) {
        case Start::good:
            return "GoodCopies";
        case Start::first_copy_torn:
            return "ATornFirstCopy";
        case Start::second_copy_older:
            return "AnOlderSecondCopy";
        case Start::first_copy_missing:
            return "AMissingFirstCopy";
        case Start::leftovers:
            return "LeftoversOfACrash";
    }
    return "";
}

INSTANTIATE_TEST_SUITE_P(From, VaultConfigCrash,
                         testing::Values(Start::good, Start::first_copy_torn, Start::second_copy_older,
                                         Start::first_copy_missing, Start::leftovers),
                         name_of_start);

}  // namespace
}  // namespace demofs::store
