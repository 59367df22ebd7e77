// What a salvage brings out of a vault in memory, in memory.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "demofs/fs/salvage/salvage.hpp"
#include "mounted_vault.hpp"

namespace demofs::fs::test {

class MemoryOutput final : public SalvageOutput {
  public:
    struct Entry {
        std::uint32_t type = 0;  // bits of S_IFMT
        std::string content;     // or the target
        std::optional<OutputAttributes> attributes;
        std::string same_as;  // path of the first name
        bool finished = false;
    };

    // Paths that cannot be used, as on a filesystem that is not as ours.
    std::set<std::string> refused;
    std::map<std::string, Entry> entries;

    asio::awaitable<void> make_directory(std::string path) override {
        add(path).type = S_IFDIR;
        co_return;
    }
    asio::awaitable<void> create_file(std::string path) override {
        add(path).type = S_IFREG;
        open_ = path;
        co_return;
    }
    asio::awaitable<void> write(std::uint64_t offset, std::vector<SharedBytes> pieces) override {
        std::string& content = entries.at(open_).content;
        for (const SharedBytes& piece : pieces) {
            const std::string text(as_text(piece));
            if (content.size() < offset + text.size()) content.resize(offset + text.size());
            content.replace(offset, text.size(), text);
            offset += text.size();
        }
        co_return;
    }
    asio::awaitable<void> finish_file(std::uint64_t size_bytes,
                                      std::optional<OutputAttributes> attributes) override {
        if (size_bytes > largest_file_bytes) throw Error(std::errc::file_too_large, "It is too large");
        Entry& file = entries.at(std::exchange(open_, ""));
        file.content.resize(std::max<std::size_t>(file.content.size(), size_bytes));
        file.attributes = attributes;
        file.finished = true;
        co_return;
    }
    asio::awaitable<void> make_symlink(std::string path, std::string target,
                                       std::optional<OutputAttributes> attributes) override {
        Entry& link = add(path);
        link.type = S_IFLNK;
        link.content = std::move(target);
        link.attributes = attributes;
        co_return;
    }
    asio::awaitable<void> make_special(std::string path, std::uint32_t type, std::uint32_t,
                                       std::optional<OutputAttributes> attributes) override {
        Entry& special = add(path);
        special.type = type;
        special.attributes = attributes;
        co_return;
    }
    asio::awaitable<void> make_link(std::string existing, std::string path) override {
        const Entry first = entries.at(existing);
        Entry& link = add(path);
        link = first;
        link.same_as = existing;
        co_return;
    }
    asio::awaitable<void> finish_directory(std::string path, OutputAttributes attributes) override {
        Entry& directory = entries.at(path);
        EXPECT_EQ(directory.type, std::uint32_t{S_IFDIR});
        EXPECT_FALSE(directory.finished);
        directory.attributes = attributes;
        directory.finished = true;
        co_return;
    }

    std::size_t largest_file_bytes = std::size_t{1} << 30;

    bool has(const std::string& path) const { return entries.contains(path); }
    std::string content(const std::string& path) const {
        const auto found = entries.find(path);
        return found == entries.end() ? "(there is no " + path + ")" : found->second.content;
    }
    // Whether some file has exactly this content, wherever it is.
    bool has_content(const std::string& content) const {
        return std::ranges::any_of(entries, [&](const auto& entry) {
            return entry.second.type == S_IFREG && entry.second.content == content;
        });
    }

  private:
    // Also checks what the salvage promises of its paths.
    Entry& add(const std::string& path) {
        if (refused.contains(path)) throw Error(std::errc::invalid_argument, "No " + path);
        if (entries.contains(path)) throw Error(std::errc::file_exists, "There is a " + path);
        const std::size_t slash = path.rfind('/');
        const std::string name = path.substr(slash + 1);
        EXPECT_TRUE(!name.empty() && name != "." && name != "..") << path;
        if (slash != path.npos) {
            const auto above = entries.find(path.substr(0, slash));
            const bool is_directory = above != entries.end() && above->second.type == S_IFDIR;
            EXPECT_TRUE(is_directory && !above->second.finished) << path;
        }
        return entries[path];
    }

    std::string open_;
};

struct Salvaged {
    SalvageReport report;
    MemoryOutput output;

    // What is said of a path.
    std::vector<SalvagedFile> findings(const std::string& path) const {
        std::vector<SalvagedFile> found;
        for (const SalvagedFile& file : report.findings) {
            if (file.path == path) found.push_back(file);
        }
        return found;
    }
};

inline void salvage_into(Salvaged& salvaged, Vault& vault, SalvageSettings settings = {}) {
    auto work = [&]() -> asio::awaitable<void> {
        asyncdrop::AsyncDropBox<store::ObjectStore> store =
            store::MemoryObjectStore::open(vault.disk, vault.store_options);
        if (vault.faults) store = store::FaultObjectStore::make(std::move(store), vault.faults);
        std::exception_ptr error;
        try {
            auto salvaging = salvage(*store, vault.keys, salvaged.output, settings);
            salvaged.report = co_await std::move(salvaging);
        } catch (...) {
            error = std::current_exception();
        }
        co_await store.async_drop();
        if (error) std::rethrow_exception(error);
    };
    test_support::run_coroutine(vault.context, work());
}

}  // namespace demofs::fs::test
