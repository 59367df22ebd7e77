// Operations of all kinds on a mounted vault, chosen at random, and what of them is promised to be durable.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/crash/vault_walk.hpp"

namespace demofs::crash_test {

/// All states that a vault went through, in order, and up to which of them a caller was told that they are durable.
struct History {
    std::vector<Walk> states;
    std::size_t durable = 0;  ///< index into states

    std::size_t newest() const { return states.size() - 1; }
};

class RandomOperations {
  public:
    explicit RandomOperations(std::uint64_t seed) : random_(seed) {}

    /// One operation, after which `history` has one state more. Each has to succeed.
    void step(fs::test::Mount& mount, History& history);

    /// The session ends: handles are gone.
    void unmounted() { open_.clear(); }

  private:
    struct Entry {
        InodeNumber parent{};
        std::string name;
        InodeNumber inode{};
        std::uint32_t type = 0;
    };

    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    Entry* pick(std::uint32_t type);  // of this type, or of any if it is 0; null: there is none
    InodeNumber any_directory();
    std::string fresh_name() { return "n" + std::to_string(++names_); }
    bool contains(InodeNumber directory, InodeNumber inode) const;
    bool is_empty(InodeNumber directory) const;
    void changed(InodeNumber inode) { change_[inode] = states_; }

    void create(fs::test::Mount& mount);
    void write(fs::test::Mount& mount, InodeNumber file);
    void set_attributes(fs::test::Mount& mount, const Entry& entry);
    void remove(fs::test::Mount& mount);
    void rename(fs::test::Mount& mount);
    void open_or_release(fs::test::Mount& mount);
    void sync(fs::test::Mount& mount, History& history);

    std::mt19937_64 random_;
    std::vector<Entry> entries_;
    std::vector<fs::HandleId> open_;
    std::map<InodeNumber, std::size_t> change_;  // the state after the last change of each
    std::size_t states_ = 0;                     // index of the one that this step makes
    std::uint64_t names_ = 0;
};

}  // namespace demofs::crash_test
