// How the cost of an operation grows with the size of the directory, of the file and of the vault, above a
// store in memory. Beside the time: reads of the store by the same operation right after mounting, one for
// each tree node that it needs. Nothing may grow faster than the logarithm.
//
// Sizes go up to DEMOFS_SCALING_LARGEST entries (10,000 if it is not set, which takes a moment; a million
// takes minutes and gigabytes).
#include <benchmark/benchmark.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "benchmarks/scaling/memory_vault.hpp"

namespace demofs::fs::bench {
namespace {

constexpr std::uint32_t file_mode = S_IFREG | 0644;
constexpr std::uint32_t directory_mode = S_IFDIR | 0755;
constexpr std::int64_t files_per_directory = 1000;
constexpr std::int64_t changes_per_commit = 50'000;  // the tree would begin a commit by itself not much later

std::string name_of(std::int64_t number) {
    return "file-" + std::to_string(number);
}

// Numbers below `count` in an order without a pattern.
class Shuffled {
  public:
    explicit Shuffled(std::int64_t count) : order_(static_cast<std::size_t>(std::min(count, most))) {
        std::mt19937_64 random(1);
        if (count <= most) {
            std::iota(order_.begin(), order_.end(), 0);
            std::shuffle(order_.begin(), order_.end(), random);
        } else {
            for (std::int64_t& number : order_)
                number = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(count));
        }
    }
    std::int64_t next() {
        if (at_ == order_.size()) at_ = 0;
        return order_[at_++];
    }

  private:
    static constexpr std::int64_t most = 100'000;
    std::vector<std::int64_t> order_;
    std::size_t at_ = 0;
};

// --- content, made once for each size ------------------------------------------------------------

struct Directory {
    explicit Directory(std::int64_t entries) : inode(vault.make(root_inode, "directory", directory_mode)) {
        for (std::int64_t i = 0; i < entries; ++i) {
            vault.make(inode, name_of(i), file_mode);
            if (i % changes_per_commit == 0) vault.commit();
        }
        vault.commit();
    }
    MemoryVault vault;
    InodeNumber inode;
};

// Files in directories of a thousand.
struct Forest {
    explicit Forest(std::int64_t files) {
        for (std::int64_t i = 0; i < files; ++i) {
            if (i % files_per_directory == 0)
                directories.push_back(vault.make(root_inode, name_of(i), directory_mode));
            const InodeNumber inode = vault.make(directories.back(), name_of(i), file_mode);
            if (i == 0) first = inode;
            if (i % changes_per_commit == 0) vault.commit();
        }
        vault.commit();
    }
    InodeNumber directory_of(std::int64_t file) const {
        return directories[static_cast<std::size_t>(file / files_per_directory)];
    }
    MemoryVault vault;
    std::vector<InodeNumber> directories;
    InodeNumber first{};
};

// A file of pieces of 4 KiB with holes between, so that each is an extent of its own.
struct Pieces {
    static constexpr std::uint64_t distance_bytes = 128 << 10;
    static constexpr std::size_t piece_bytes = 4 << 10;

    explicit Pieces(std::int64_t count) : inode(vault.make(root_inode, "file", file_mode)) {
        const Bytes piece(piece_bytes, std::byte{1});
        for (std::int64_t i = 0; i < count; ++i) {
            vault.write(inode, static_cast<std::uint64_t>(i) * distance_bytes, piece);
            if (i % 1000 == 0) vault.commit();
        }
        vault.commit();
    }
    MemoryVault vault;
    InodeNumber inode;
};

template <class Content>
Content& content_of(const benchmark::State& state) {
    // Never destroyed: at the program's end OpenSSL may be gone before it.
    static auto& all = *new std::map<std::int64_t, std::unique_ptr<Content>>;
    std::unique_ptr<Content>& content = all[state.range(0)];
    if (!content) content = std::make_unique<Content>(state.range(0));
    return *content;
}

// Reads of the store by `operation` when nothing is in memory.
template <class F>
void count_cold_reads(benchmark::State& state, MemoryVault& vault, F operation) {
    vault.remount();
    const std::uint64_t before = vault.counters().reads;
    operation();
    state.counters["cold_reads"] = static_cast<double>(vault.counters().reads - before);
}

std::int64_t largest() {
    const char* const text = std::getenv("DEMOFS_SCALING_LARGEST");
    if (text == nullptr) return 10'000;
    const std::string_view digits(text);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 10) {
        std::fprintf(stderr, "DEMOFS_SCALING_LARGEST must be a number of at least 10, not '%s'.\n", text);
        std::exit(2);
    }
    return value;
}

void sizes(benchmark::internal::Benchmark* benchmark) {
    const std::int64_t most = largest();
    for (std::int64_t size = 10; size <= most; size *= 10) benchmark->Arg(size);
}

// Extents cost 4 KiB of memory each.
void extent_counts(benchmark::internal::Benchmark* benchmark) {
    const std::int64_t most = std::min<std::int64_t>(largest(), 100'000);
    for (std::int64_t size = 10; size <= most; size *= 10) benchmark->Arg(size);
}

// --- by the size of the directory ----------------------------------------------------------------

void directory_lookup(benchmark::State& state) {
    auto& content = content_of<Directory>(state);
    Shuffled order(state.range(0));
    for (auto _ : state)
        benchmark::DoNotOptimize(content.vault.run(Lookup{content.inode, name_of(order.next())}));
    count_cold_reads(state, content.vault, [&] { content.vault.run(Lookup{content.inode, name_of(0)}); });
}
BENCHMARK(directory_lookup)->Apply(sizes);

void directory_create_and_remove(benchmark::State& state) {
    auto& content = content_of<Directory>(state);
    std::int64_t number = 0;
    for (auto _ : state) {
        const std::string name = "new-" + std::to_string(number++);
        content.vault.make(content.inode, name, file_mode);
        content.vault.remove(content.inode, name);
    }
    // The first creation after mounting reserves inode numbers by a commit; that is not what is asked here.
    count_cold_reads(state, content.vault, [&] { content.vault.remove(content.inode, name_of(0)); });
    content.vault.make(content.inode, name_of(0), file_mode);
}
BENCHMARK(directory_create_and_remove)->Apply(sizes);

void directory_list_100(benchmark::State& state) {
    auto& content = content_of<Directory>(state);
    const ReadDirectory list{content.inode, 0, 100, false};
    for (auto _ : state) benchmark::DoNotOptimize(content.vault.run(list));
    count_cold_reads(state, content.vault, [&] { content.vault.run(list); });
}
BENCHMARK(directory_list_100)->Apply(sizes);

// --- by the number of a file's extents -----------------------------------------------------------

void file_read_4k(benchmark::State& state) {
    auto& content = content_of<Pieces>(state);
    // A thousand pieces at the most, so that the block cache holds them: what grows is finding them.
    Shuffled order(state.range(0));
    std::vector<std::uint64_t> offsets(
        static_cast<std::size_t>(std::min<std::int64_t>(state.range(0), 1000)));
    for (std::uint64_t& offset : offsets)
        offset = static_cast<std::uint64_t>(order.next()) * Pieces::distance_bytes;
    std::size_t at = 0;
    for (auto _ : state) {
        content.vault.read(content.inode, offsets[at], Pieces::piece_bytes);
        if (++at == offsets.size()) at = 0;
    }
    count_cold_reads(state, content.vault,
                     [&] { content.vault.read(content.inode, 0, Pieces::piece_bytes); });
}
BENCHMARK(file_read_4k)->Apply(extent_counts);

void file_overwrite_4k(benchmark::State& state) {
    auto& content = content_of<Pieces>(state);
    const Bytes piece(Pieces::piece_bytes, std::byte{2});
    Shuffled order(std::min<std::int64_t>(state.range(0), 1000));
    for (auto _ : state)
        content.vault.write(content.inode, static_cast<std::uint64_t>(order.next()) * Pieces::distance_bytes,
                            piece);
    content.vault.commit();
    count_cold_reads(state, content.vault, [&] { content.vault.write(content.inode, 0, piece); });
    content.vault.commit();
}
BENCHMARK(file_overwrite_4k)->Apply(extent_counts);

// --- by the number of files in the vault ---------------------------------------------------------

void vault_lookup(benchmark::State& state) {
    auto& content = content_of<Forest>(state);
    Shuffled order(state.range(0));
    for (auto _ : state) {
        const std::int64_t file = order.next();
        benchmark::DoNotOptimize(content.vault.run(Lookup{content.directory_of(file), name_of(file)}));
    }
    count_cold_reads(state, content.vault,
                     [&] { content.vault.run(Lookup{content.directories.front(), name_of(0)}); });
}
BENCHMARK(vault_lookup)->Apply(sizes);

void vault_stat(benchmark::State& state) {
    auto& content = content_of<Forest>(state);
    const GetAttributes stat{content.first};
    for (auto _ : state) benchmark::DoNotOptimize(content.vault.run(stat));
    count_cold_reads(state, content.vault, [&] { content.vault.run(stat); });
}
BENCHMARK(vault_stat)->Apply(sizes);

// A change of one file and its commit.
void vault_change_and_commit(benchmark::State& state) {
    auto& content = content_of<Forest>(state);
    const Bytes text(100, std::byte{3});
    for (auto _ : state) {
        content.vault.write(content.first, 0, text);
        content.vault.commit();
    }
    count_cold_reads(state, content.vault, [&] {
        content.vault.write(content.first, 0, text);
        content.vault.commit();
    });
}
BENCHMARK(vault_change_and_commit)->Apply(sizes);

// A mount of what was cleanly unmounted, and its unmount.
void vault_mount_and_unmount(benchmark::State& state) {
    auto& content = content_of<Forest>(state);
    content.vault.remount();
    const std::uint64_t before = content.vault.counters().reads;
    for (auto _ : state) content.vault.remount();
    state.counters["cold_reads"] = benchmark::Counter(
        static_cast<double>(content.vault.counters().reads - before), benchmark::Counter::kAvgIterations);
}
BENCHMARK(vault_mount_and_unmount)->Apply(sizes)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace demofs::fs::bench
