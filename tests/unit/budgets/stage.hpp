// A vault in memory with known content, on which single operations are measured.
//
//   d0, d1      directories of ten files f0 to f9 of 500 bytes, which live in the tree
//   e0, e1      empty directories
//   s0, s1      symbolic links
//   l0, l1      files of 8 MiB
//   many        a directory of 5,000 files n0 to n4999
//
// An operation counts with all that it sets going (reading ahead, writing of what is large enough), until
// nothing moves any more. There is no flusher, so nothing happens by the clock.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "tests/unit/budgets/cost.hpp"
#include "tests/unit/fs/mounted_vault.hpp"

namespace demofs::fs::test {

inline constexpr std::size_t small_file_bytes = 500;
inline constexpr std::size_t large_file_bytes = 8u << 20;
inline constexpr int many_files = 5000;

class Stage {
  public:
    // Makes the vault and mounts it anew.
    Stage();

    void mount();
    void unmount();

    // Runs `work` until nothing moves any more, and counts.
    Cost cost_of(const std::function<void()>& work);

    // --- operations, as a server runs them: at once if that is possible; they fail the test if they fail -----

    template <class Operation>
    typename Operation::Reply run(const Operation& operation) {
        auto reply = fs().try_run(operation);
        if (!reply) reply.emplace(wait_for(fs().run(operation)));
        return std::move(*reply).value();
    }
    std::optional<Attributes> lookup(InodeNumber parent, const char* name);  // none: there is no such entry
    InodeNumber make(InodeNumber parent, const char* name, std::uint32_t mode, const char* target = "");
    void remove(InodeNumber parent, const char* name, bool is_directory = false);
    void rename(InodeNumber old_parent, const char* old_name, InodeNumber new_parent, const char* new_name);
    void truncate(InodeNumber inode, std::uint64_t size);
    void open_and_release(InodeNumber inode);
    void read(InodeNumber inode, std::uint64_t offset, std::size_t size);
    void write(InodeNumber inode, std::uint64_t offset, std::size_t size);
    void sync(InodeNumber inode);
    void sync_all();
    void statfs();

    Filesystem& fs() { return mount_->fs(); }

    // --- content ---------------------------------------------------------------------------------

    std::array<InodeNumber, 2> directories{};            // d0, d1
    std::array<std::array<InodeNumber, 10>, 2> small{};  // their files
    std::array<InodeNumber, 2> links{};
    std::array<InodeNumber, 2> large{};
    InodeNumber many{};
    std::array<InodeNumber, 2> in_many{};

    static Timestamp now() { return {2000, 5}; }

  private:
    void fill();
    template <class T>
    T wait_for(boost::asio::awaitable<T> coroutine) {
        ++waits_;
        std::optional<T> result;
        std::exception_ptr error;
        boost::asio::co_spawn(vault_.context, store_result(std::move(coroutine), result),
                              [&](std::exception_ptr failure) { error = failure; });
        run_to_rest();
        if (error) std::rethrow_exception(error);
        return std::move(result.value());
    }
    template <class T>
    static boost::asio::awaitable<void> store_result(boost::asio::awaitable<T> coroutine,
                                                     std::optional<T>& result) {
        result.emplace(co_await std::move(coroutine));
    }
    // In one piece: Asio keeps the memory of coroutine frames for reuse as long as one run() lasts.
    void run_to_rest();

    Vault vault_;
    std::optional<Mount> mount_;
    std::string content_;
    std::int64_t waits_ = 0;
};

}  // namespace demofs::fs::test
