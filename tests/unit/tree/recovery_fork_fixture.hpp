// Two machines that have written to copies of one vault.
#pragma once

#include <memory>
#include <string>

#include "recovery_fixture.hpp"

namespace demofs::tree::test {

class RecoveryForkTest : public RecoveryTest {
  protected:
    void merge(const store::MemoryDisk& other) {
        for (const std::string& name : other.names()) {
            if (!vault.disk->contains(name) ||
                other.contents(name).size() > vault.disk->contents(name).size())
                vault.disk->put(name, other.contents(name));
        }
    }

    // Two machines mount the same state, so many times each; the folders are then merged.
    void fork(int left_sessions = 1, int right_sessions = 1) {
        vault.disk = std::make_shared<store::MemoryDisk>();
        write({"one"});
        const auto common = std::make_shared<store::MemoryDisk>(vault.disk->snapshot());
        for (int i = 0; i < left_sessions; ++i) write({"left", "left 2"});
        const auto left = vault.disk;
        vault.disk = common;
        for (int i = 0; i < right_sessions; ++i) write({"right"});
        right_disk = std::make_shared<store::MemoryDisk>(vault.disk->snapshot());
        merge(*left);
    }

    std::shared_ptr<store::MemoryDisk> right_disk;
};

}  // namespace demofs::tree::test
