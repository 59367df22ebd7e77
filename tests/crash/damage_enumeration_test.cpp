// Whatever is done to what a small vault has stored, on a machine that remembers the newest state: either everything
// is right, or single files give errors and check names them, or the vault is not shown as if it were in order. Each
// byte is flipped, each length cut, each pair of objects swapped, each object removed, old versions are put back.
//
// DEMOFS_TEST_ROUNDS: with more than 1, what is sampled by default (bytes, lengths) is done one by one. The sample of bytes is
// another one in each run, and DEMOFS_TEST_SEED repeats it.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "demofs/base/error.hpp"
#include "tests/crash/damaged_vault.hpp"
#include "tests/crash/effort.hpp"

namespace demofs::crash_test {
namespace {

// By default, of bytes, of filler, whose bytes have no meaning, and of lengths.
constexpr std::size_t byte_stride = 8;
constexpr std::size_t filler_stride = 64;
constexpr std::size_t cut_stride = 37;

class DamageEnumeration : public DamagedVault {
  protected:
    // Files that were read wrongly or that are not there, although nobody says so, fail the test. `what` was done.
    void look(const std::string& what) {
        ++probes_;
        fs::test::VaultReport report = fs::test::report_on(vault_, true);
        if (report.recovered.verdict > tree::Verdict::crash_tail) {
            ++outcomes_[verdict_text(report.recovered)];
            return;
        }
        ASSERT_TRUE(report.recovered.record) << what;
        Walk found;
        try {
            Mount mount(vault_);
            found = walk(mount);
        } catch (const Error& error) {
            ++outcomes_["mount refused: " + error.code().message()];
            return;
        }
        if (found == newest_) {
            ++outcomes_[report.check.findings.empty() ? "right" : "right, and check names what is damaged"];
            return;
        }
        bool unreadable = false;
        for (const auto& [path, line] : found) {
            const auto expected = newest_.find(path);
            if (line.find("unreadable") != line.npos) {
                unreadable = true;
            } else {
                ASSERT_TRUE(expected != newest_.end() && expected->second == line)
                    << what << "\n"
                    << difference(newest_, found);
            }
        }
        ASSERT_TRUE(unreadable) << what << "\n" << difference(newest_, found);
        ASSERT_FALSE(report.check.findings.empty()) << what << ": check has seen nothing";
        ++outcomes_["errors on files that check names"];
    }

    // Whether nothing that is there needs the block: everything is right without it.
    bool is_dead(const std::string& object, const Bytes& intact, const block::BlockAddress& address) {
        restore();
        Bytes bytes = intact;
        bytes[address.end() - 1] ^= std::byte{1};
        vault_.disk->put(object, bytes);
        const std::size_t right = outcomes_["right"];
        look("block at " + std::to_string(address.offset) + " of " + object);
        return outcomes_["right"] > right;
    }

    static std::string verdict_text(const tree::Recovered& recovered) {
        switch (recovered.verdict) {
            case tree::Verdict::clean:
            case tree::Verdict::crash_tail:
                return "in order";
            case tree::Verdict::fork:
                return "verdict: fork";
            case tree::Verdict::rolled_back:
                return "verdict: rolled back";
            case tree::Verdict::damaged:
                return recovered.record ? "verdict: damaged, an older state" : "verdict: damaged, no state";
            case tree::Verdict::incomplete:
                return "verdict: incomplete";
            case tree::Verdict::unsupported:
                break;
        }
        return "verdict: unsupported";
    }

    void print(const char* what) const {
        std::cout << what << ": " << probes_ << " probes\n";
        for (const auto& [outcome, count] : outcomes_) std::cout << "  " << count << " " << outcome << '\n';
    }

    std::map<std::string, std::size_t> outcomes_;
    std::size_t probes_ = 0;
};

TEST_F(DamageEnumeration, EveryByteIsFlipped) {
    const std::uint64_t first_seed = seed();
    SCOPED_TRACE("DEMOFS_TEST_SEED=" + std::to_string(first_seed));
    for (const std::string& object : objects_) {
        const Bytes intact = vault_.disk->contents(object);
        const std::vector<bool> means = meaning(object, intact.size());
        for (std::size_t at = 0; at < intact.size(); ++at) {
            const std::size_t stride = means[at] ? byte_stride : filler_stride;
            if (rounds() == 1 && (first_seed + at) % stride != 0) continue;
            restore();
            Bytes bytes = intact;
            bytes[at] ^= std::byte(1 << at % 8);
            vault_.disk->put(object, bytes);
            const std::size_t right = outcomes_["right"];
            look("byte " + std::to_string(at) + " of " + object);
            if (HasFatalFailure()) return;
            if (!means[at]) {
                ASSERT_GT(outcomes_["right"], right) << "filler";
            }
        }
    }
    print("flipped bytes");
    EXPECT_GT(outcomes_["verdict: damaged, an older state"], 10u);
    EXPECT_GT(outcomes_["errors on files that check names"], 10u);
}

TEST_F(DamageEnumeration, EveryLengthIsCut) {
    for (const std::string& object : objects_) {
        const Bytes intact = vault_.disk->contents(object);
        const std::vector<bool> means = meaning(object, intact.size());
        for (std::size_t size = 0; size < intact.size(); ++size) {
            // A cut within a block's bytes is one within a block's bytes: by default, some of them.
            if (rounds() == 1 && size % cut_stride != 0 && means[size] == (size > 0 && means[size - 1]))
                continue;
            restore();
            vault_.disk->put(object, ByteSpan(intact).first(size));
            look("cut at " + std::to_string(size) + " of " + object);
            if (HasFatalFailure()) return;
        }
    }
    print("cuts");
    EXPECT_GT(outcomes_["verdict: rolled back"], 20u);
}

TEST_F(DamageEnumeration, EachPairIsSwappedAndEachObjectRemoved) {
    for (const std::string& object : objects_) {
        restore();
        vault_.disk->erase(object);
        look("without " + object);
        for (const std::string& other : objects_) {
            if (other == object) continue;
            restore();
            const Bytes contents = vault_.disk->contents(object);
            const Bytes others = vault_.disk->contents(other);
            vault_.disk->put(object, others);
            look(object + " replaced by " + other);
            vault_.disk->put(other, contents);
            look(object + " and " + other + " swapped");
        }
        if (HasFatalFailure()) return;
    }
    print("swaps and removals");
    EXPECT_EQ(outcomes_["right"], 0u);
}

// Blocks of the same size, so that what lies behind stays where it was.
TEST_F(DamageEnumeration, EachPairOfBlocksIsSwapped) {
    for (const std::string& object : objects_) {
        const Bytes intact = vault_.disk->contents(object);
        const std::vector<block::BlockAddress> blocks = blocks_of(object);
        std::vector<bool> dead;
        for (const block::BlockAddress& block : blocks) dead.push_back(is_dead(object, intact, block));
        for (std::size_t a = 0; a < blocks.size(); ++a) {
            for (std::size_t b = 0; b < a; ++b) {
                const std::uint64_t size = std::min(blocks[a].stored_bytes(), blocks[b].stored_bytes());
                restore();
                Bytes bytes = intact;
                std::swap_ranges(bytes.begin() + blocks[a].offset,
                                 bytes.begin() + blocks[a].offset + static_cast<std::ptrdiff_t>(size),
                                 bytes.begin() + blocks[b].offset);
                vault_.disk->put(object, bytes);
                const std::string what =
                    "blocks " + std::to_string(b) + " and " + std::to_string(a) + " of " + object;
                const std::size_t right = outcomes_["right"];
                look(what);
                if (HasFatalFailure()) return;
                if (!dead[a] || !dead[b]) {
                    ASSERT_EQ(outcomes_["right"], right) << what;
                }
            }
        }
    }
    print("swapped blocks");
    EXPECT_GT(outcomes_["errors on files that check names"], 50u);
}

// Every mixture of versions: each object as it was at one of the moments, or not there.
TEST_F(DamageEnumeration, OldVersionsArePutBack) {
    const std::size_t choices = versions_.size();
    std::size_t mixtures = 1;
    for (std::size_t i = 0; i < objects_.size(); ++i) mixtures *= choices;
    for (std::size_t mixture = 0; mixture < mixtures; ++mixture) {
        restore();
        std::string what = "versions";
        std::size_t rest = mixture;
        for (const std::string& object : objects_) {
            const store::MemoryDisk& version = versions_[rest % choices];
            what += " " + std::to_string(rest % choices);
            rest /= choices;
            if (version.contains(object)) {
                vault_.disk->put(object, version.contents(object));
            } else {
                vault_.disk->erase(object);
            }
        }
        look(what);
        if (HasFatalFailure()) return;
    }
    print("mixed versions");
    // Each object is as it ended in each version since the end of its session.
    EXPECT_EQ(outcomes_["right"], 5u * 3u * 1u);
    EXPECT_GT(outcomes_["verdict: rolled back"], 0u);
}

}  // namespace
}  // namespace demofs::crash_test
