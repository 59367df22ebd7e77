// Many mounts in one process, each under load and ended in another way: what one leaves behind adds up here.
//
//     DEMOFS_CYCLES=200 mount_cycles_test      as many as that (default: 12); the figures are printed
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "demofs/app/commands.hpp"
#include "demofs/app/exit_codes.hpp"
#include "demofs/base/transfer_memory.hpp"
#include "demofs/fuse/mount.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/temp_dir.hpp"

namespace demofs::app {
namespace {

namespace files = std::filesystem;

constexpr int warm_up_cycles = 5;  // what is made once and kept: signal pipes, tables of the allocator
constexpr int load_threads = 3;
constexpr int files_of_a_thread = 40;

int cycles() {
    const char* const given = std::getenv("DEMOFS_CYCLES");
    return given == nullptr ? 12 : std::atoi(given);
}

struct Usage {
    std::size_t descriptors = 0;
    std::size_t threads = 0;
    std::size_t heap_bytes = 0;  // in use, over all arenas

    static Usage now() {
        const auto entries = [](const char* directory) {
            return static_cast<std::size_t>(
                std::distance(files::directory_iterator(directory), files::directory_iterator()));
        };
        Usage usage;
        usage.descriptors = entries("/proc/self/fd");
        usage.threads = entries("/proc/self/task");
        const struct mallinfo2 heap = ::mallinfo2();
        usage.heap_bytes = heap.uordblks + heap.hblkhd;
        return usage;
    }
};

std::ostream& operator<<(std::ostream& out, const Usage& usage) {
    return out << usage.descriptors << " descriptors, " << usage.threads << " threads, " << usage.heap_bytes
               << " bytes of the heap";
}

// Writes, renames, reads and removes, until that is done or the mount is gone; returns how many files it saw to the
// end. A file that differs from what was written is an exception.
int load(const files::path& directory, int thread, unsigned seed) {
    std::mt19937 random(seed);
    const std::string content(1 + random() % 60'000, static_cast<char>('a' + thread));
    int done = 0;
    for (int number = 0; number < files_of_a_thread; ++number) {
        const files::path name = directory / (std::to_string(thread) + "-" + std::to_string(number));
        const files::path renamed = name.string() + "-renamed";
        std::ofstream(name) << content;
        std::error_code error;
        files::rename(name, renamed, error);
        std::ifstream file(renamed);
        const std::string read{std::istreambuf_iterator<char>(file), {}};
        if (error || !file) return done;  // the mount is going
        if (read != content) throw std::runtime_error(renamed.string() + " holds something else");
        if (number % 4 != 0) files::remove(renamed, error);
        ++done;
    }
    return done;
}

// The memory for transfers is kept for the next one, and how much of it depends on how many there were at a time: as
// much as is ever kept, from the beginning, so that it makes no difference between two measurements.
void fill_the_transfer_memory() {
    std::vector<std::shared_ptr<std::byte[]>> pieces(kept_transfer_bytes / transfer_memory_bytes);
    std::generate(pieces.begin(), pieces.end(), transfer_memory);
}

class MountCycles : public testing::Test {
  protected:
    MountCycles() {
        files::create_directory(mount_point_);
        std::ofstream(password_) << "a password of the tests\n";
        ::setenv("XDG_STATE_HOME", (folder_ / "state").c_str(), 1);
        InitSettings init;
        init.vault = (folder_ / "vault").string();
        init.password.file = password_.string();
        init.cost.weak = true;
        EXPECT_EQ(run_init(init), exit_ok);
    }

    ~MountCycles() override {
        if (const auto left = fuse::mounted_on(mount_point_.string()))
            fuse::unmount(*left, fuse::UnmountMode::force);
    }

    MountSettings settings() const {
        MountSettings settings;
        settings.vault = (folder_ / "vault").string();
        settings.mount_point = mount_point_.string();
        settings.password.file = password_.string();
        settings.foreground = true;
        settings.log.file = (folder_ / "log").string();
        settings.log.level = "warn";
        return settings;
    }

    // One mount from beginning to end. Odd ones are detached while programs use them.
    void cycle(int number) {
        const MountSettings mount = settings();
        std::future<int> daemon = std::async(std::launch::async, [&mount] { return run_mount(mount); });
        std::optional<fuse::Mount> mounted;
        while (!(mounted = fuse::mounted_on(mount_point_.string()))) {
            ASSERT_NE(daemon.wait_for(std::chrono::milliseconds(1)), std::future_status::ready)
                << "the daemon has ended";
        }
        const files::path directory = mount_point_ / ("cycle" + std::to_string(number));
        files::create_directory(directory);
        std::atomic<int> done = 0;
        std::vector<std::future<void>> loads;
        for (int thread = 0; thread < load_threads; ++thread) {
            const auto seed = static_cast<unsigned>(number * load_threads + thread);
            loads.push_back(
                std::async(std::launch::async, [&, thread, seed] { done += load(directory, thread, seed); }));
        }
        if (number % 2 == 0) {
            for (std::future<void>& ended : loads) ended.get();
            EXPECT_EQ(done, load_threads * files_of_a_thread);
            fuse::unmount(*mounted, fuse::UnmountMode::normal);
        } else {
            while (!files::exists(directory / "0-0-renamed")) std::this_thread::yield();
            fuse::unmount(*mounted, fuse::UnmountMode::lazy);
            for (std::future<void>& ended : loads) ended.get();
        }
        EXPECT_EQ(daemon.get(), exit_ok);
    }

    const test_support::TempDir folder_;
    const files::path mount_point_ = folder_ / "mnt";
    const files::path password_ = folder_ / "password";
};

TEST_F(MountCycles, LeaveNoDescriptorThreadOrMemoryBehind) {
    if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "/dev/fuse cannot be used here";
    const int count = std::max(cycles(), warm_up_cycles + 2);
    fill_the_transfer_memory();
    for (int number = 0; number < warm_up_cycles; ++number) ASSERT_NO_FATAL_FAILURE(cycle(number));
    const Usage before = Usage::now();
    for (int number = warm_up_cycles; number < count; ++number) ASSERT_NO_FATAL_FAILURE(cycle(number));
    const Usage after = Usage::now();
    std::cout << "after " << warm_up_cycles << " cycles: " << before << "\nafter " << count
              << " cycles: " << after << std::endl;
    EXPECT_EQ(unused_transfer_bytes(), kept_transfer_bytes);
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_EQ(after.threads, before.threads);
#if !defined(PROJECT_TEST_SANITIZED)
    // The vault grows with each cycle, and with it what a mount reads; nothing of that may stay.
    EXPECT_LT(after.heap_bytes, before.heap_bytes + 64 * 1024);
#endif
}

}  // namespace
}  // namespace demofs::app
