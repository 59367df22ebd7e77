// Whatever is done to what a small vault has stored, a salvage brings every file whose blocks can be read,
// and never a byte that was not written: each byte is flipped, each length cut, objects and blocks are
// swapped or removed.
//
// DEMOFS_TEST_ROUNDS and DEMOFS_TEST_SEED as in damage_enumeration_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/crash/damaged_vault.hpp"
#include "tests/crash/effort.hpp"
#include "tests/unit/fs/salvaged_vault.hpp"

namespace demofs::crash_test {
namespace {

using fs::SalvagedFile;
using fs::SalvagedRange;
using fs::test::MemoryOutput;
using fs::test::Salvaged;

constexpr std::size_t byte_stride = 8;
constexpr std::size_t filler_stride = 64;
constexpr std::size_t cut_stride = 37;
constexpr std::size_t large_bytes = 1500;

class SalvageEnumeration : public DamagedVault {
  protected:
    void SetUp() override {
        DamagedVault::SetUp();
        if (HasFatalFailure()) return;
        const std::unique_ptr<Salvaged> found = salvaged();
        ASSERT_TRUE(found->report.is_complete());
        whole_ = found->output.entries;
        ASSERT_EQ(whole_.size(), newest_.size());
        for (int session = 0; session < 3; ++session) {
            const std::string number = std::to_string(session);
            ASSERT_EQ(whole_.at("directory" + number + "/small").content, "content " + number);
            ASSERT_EQ(whole_.at("directory" + number + "/large").content, large(session));
            ASSERT_EQ(whole_.at("link" + number).content, "directory" + number);
        }
    }

    static std::string large(int session) {
        return std::string(large_bytes, static_cast<char>('a' + session));
    }

    std::unique_ptr<Salvaged> salvaged() {
        auto found = std::make_unique<Salvaged>();
        fs::SalvageSettings settings;
        settings.known = vault_.recovery.known;
        fs::test::salvage_into(*found, vault_, settings);
        return found;
    }

    // `damaged`: the sessions whose large file has lost some of its blocks.
    void look(const std::string& what, const std::set<int>& damaged) {
        ++probes_;
        const std::unique_ptr<Salvaged> salvaged_now = salvaged();
        const Salvaged& found = *salvaged_now;
        for (int session = 0; session < 3; ++session) {
            if (damaged.contains(session)) continue;
            ASSERT_TRUE(found.output.has_content(large(session)))
                << what << ": the large file of session " << session << " was not salvaged\n"
                << said(found);
        }
        for (const auto& [path, entry] : found.output.entries) {
            if (entry.type == S_IFDIR) continue;
            ASSERT_TRUE(was_written(path, entry, found)) << what << ": " << path << "\n" << said(found);
        }
        if (found.report.is_complete()) {
            ASSERT_EQ(found.output.entries.size(), whole_.size()) << what << "\n" << said(found);
        }
        ++outcomes_[outcome(found)];
    }

    // Whether all bytes that are not said to be missing are those of that path; of what has lost its name,
    // those of some file.
    bool was_written(const std::string& path, const MemoryOutput::Entry& entry, const Salvaged& found) const {
        std::string expected_zeros(entry.content.size(), 'x');
        for (const SalvagedFile& file : found.findings(path)) {
            for (const SalvagedRange& range : file.ranges) {
                if (range.kind == SalvagedRange::Kind::missing)
                    expected_zeros.replace(range.offset, range.bytes, std::string(range.bytes, '\0'));
            }
        }
        const auto agrees = [&](const std::string& with) {
            if (with.size() < entry.content.size()) return false;
            for (std::size_t i = 0; i < entry.content.size(); ++i) {
                const char expected = expected_zeros[i] == '\0' ? '\0' : with[i];
                if (entry.content[i] != expected) return false;
            }
            return true;
        };
        const auto known = whole_.find(path);
        if (known != whole_.end())
            return entry.content.size() == known->second.content.size() && agrees(known->second.content);
        return path.starts_with("lost+found/") && std::ranges::any_of(whole_, [&](const auto& other) {
                   return other.second.type == entry.type && agrees(other.second.content);
               });
    }

    static std::string said(const Salvaged& found) {
        std::string text;
        for (const std::string& note : found.report.notes) text += note + "\n";
        for (const SalvagedFile& file : found.report.findings) {
            text += file.path + ": " + file.what;
            for (const SalvagedRange& range : file.ranges)
                text += " [" + std::to_string(range.offset) + ", " + std::to_string(range.bytes) + ", kind " +
                        std::to_string(static_cast<int>(range.kind)) + "]";
            text += "\n";
        }
        for (const auto& [path, entry] : found.output.entries)
            text += "  " + path + ": " + std::to_string(entry.content.size()) + " bytes\n";
        return text;
    }

    static std::string outcome(const Salvaged& found) {
        if (found.report.is_complete()) return "complete";
        if (found.report.tree_is_whole) return "all names, some content damaged";
        return found.report.lost_folder.empty() ? "the tree damaged, every name found"
                                                : "the tree damaged, some names lost";
    }

    // Of the session whose large file this block has bytes of; none for other blocks.
    static std::set<int> session_of(const block::FoundBlock& block) {
        if (block.header.kind != block::BlockKind::data) return {};
        return {std::to_integer<int>(block.payload.span().front()) - 'a'};
    }

    // The sessions of all large files with blocks in the object.
    std::set<int> sessions_in(const std::string& object) {
        std::set<int> sessions;
        for (const block::FoundBlock& block : found_blocks_of(object)) sessions.merge(session_of(block));
        return sessions;
    }

    void print(const char* what) const {
        std::cout << "salvage, " << what << ": " << probes_ << " probes\n";
        for (const auto& [outcome, count] : outcomes_) std::cout << "  " << count << " " << outcome << '\n';
    }

    std::map<std::string, MemoryOutput::Entry> whole_;
    std::map<std::string, std::size_t> outcomes_;
    std::size_t probes_ = 0;
};

TEST_F(SalvageEnumeration, EveryByteIsFlipped) {
    const std::uint64_t first_seed = seed();
    SCOPED_TRACE("DEMOFS_TEST_SEED=" + std::to_string(first_seed));
    for (const std::string& object : objects_) {
        const Bytes intact = vault_.disk->contents(object);
        const std::vector<bool> means = meaning(object, intact.size());
        const std::vector<block::FoundBlock> blocks = found_blocks_of(object);
        for (std::size_t at = 0; at < intact.size(); ++at) {
            const std::size_t stride = means[at] ? byte_stride : filler_stride;
            if (rounds() == 1 && (first_seed + at) % stride != 0) continue;
            restore();
            Bytes bytes = intact;
            bytes[at] ^= std::byte(1 << at % 8);
            vault_.disk->put(object, bytes);
            std::set<int> damaged;
            for (const block::FoundBlock& block : blocks) {
                // A damaged header hides nothing: the tree has the address.
                const bool in_payload = at >= block.address.offset + block::block_header_bytes;
                if (in_payload && at < block.address.end()) damaged.merge(session_of(block));
            }
            look("byte " + std::to_string(at) + " of " + object, damaged);
            if (HasFatalFailure()) return;
        }
    }
    print("flipped bytes");
    EXPECT_GT(outcomes_["complete"], 100u);
    EXPECT_GT(outcomes_["all names, some content damaged"], 10u);
    EXPECT_GT(outcomes_["the tree damaged, some names lost"], 10u);
}

TEST_F(SalvageEnumeration, EveryLengthIsCut) {
    for (const std::string& object : objects_) {
        restore();
        const Bytes intact = vault_.disk->contents(object);
        const std::vector<bool> means = meaning(object, intact.size());
        const std::set<int> damaged = sessions_in(object);
        for (std::size_t size = 0; size < intact.size(); ++size) {
            if (rounds() == 1 && size % cut_stride != 0 && means[size] == (size > 0 && means[size - 1]))
                continue;
            restore();
            vault_.disk->put(object, ByteSpan(intact).first(size));
            look("cut at " + std::to_string(size) + " of " + object, damaged);
            if (HasFatalFailure()) return;
        }
    }
    print("cuts");
    EXPECT_GT(probes_, 100u);
}

TEST_F(SalvageEnumeration, EachPairIsSwappedAndEachObjectRemoved) {
    for (const std::string& object : objects_) {
        restore();
        std::set<int> damaged = sessions_in(object);
        vault_.disk->erase(object);
        look("without " + object, damaged);
        for (const std::string& other : objects_) {
            if (other == object) continue;
            restore();
            std::set<int> both = sessions_in(other);
            both.insert(damaged.begin(), damaged.end());
            const Bytes contents = vault_.disk->contents(object);
            const Bytes others = vault_.disk->contents(other);
            vault_.disk->put(object, others);
            look(object + " replaced by " + other, damaged);
            vault_.disk->put(other, contents);
            look(object + " and " + other + " swapped", both);
        }
        if (HasFatalFailure()) return;
    }
    print("swaps and removals");
    EXPECT_EQ(outcomes_["complete"], 0u);
}

TEST_F(SalvageEnumeration, EachPairOfBlocksIsSwapped) {
    for (const std::string& object : objects_) {
        restore();
        const Bytes intact = vault_.disk->contents(object);
        const std::vector<block::FoundBlock> blocks = found_blocks_of(object);
        for (std::size_t a = 0; a < blocks.size(); ++a) {
            for (std::size_t b = 0; b < a; ++b) {
                const std::uint64_t size =
                    std::min(blocks[a].address.stored_bytes(), blocks[b].address.stored_bytes());
                restore();
                Bytes bytes = intact;
                std::swap_ranges(bytes.begin() + blocks[a].address.offset,
                                 bytes.begin() + blocks[a].address.offset + static_cast<std::ptrdiff_t>(size),
                                 bytes.begin() + blocks[b].address.offset);
                vault_.disk->put(object, bytes);
                std::set<int> damaged = session_of(blocks[a]);
                damaged.merge(session_of(blocks[b]));
                look("blocks " + std::to_string(b) + " and " + std::to_string(a) + " of " + object, damaged);
                if (HasFatalFailure()) return;
            }
        }
    }
    print("swapped blocks");
    EXPECT_GT(probes_, 100u);
}

// Every object loses both copies of its header, so that its key is gone; and all of them one.
TEST_F(SalvageEnumeration, HeadersAreLost) {
    const auto damage = [this](const std::string& object, bool first, bool last) {
        Bytes bytes = vault_.disk->contents(object);
        if (first) bytes[64] ^= std::byte{1};
        if (last) bytes[bytes.size() - 64] ^= std::byte{1};
        vault_.disk->put(object, bytes);
    };
    for (const std::string& object : objects_) {
        restore();
        const std::set<int> damaged = sessions_in(object);
        damage(object, true, true);
        look("without both headers of " + object, damaged);
    }
    for (const bool first : {false, true}) {
        restore();
        for (const std::string& object : objects_) damage(object, first, !first);
        look(first ? "without the first headers" : "without the copies", {});
    }
    print("lost headers");
    EXPECT_EQ(outcomes_["complete"], 2u);
}

}  // namespace
}  // namespace demofs::crash_test
