// Changed, cut and deleted objects: whatever is done to what is stored, the vault either shows exactly its
// newest state, or an error, or an older state together with the news that it is damaged. Never anything that
// was not written.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "demofs/base/error.hpp"
#include "tests/unit/tree/contents.hpp"
#include "tests/unit/tree/vault.hpp"

namespace demofs::tree::test {
namespace {

class DamageTest : public testing::Test {
  protected:
    void SetUp() override {
        vault_.tree_settings.node_bytes = 256;
        vault_.tree_settings.number_reserve = 16;
        for (int session = 0; session < 3; ++session) {
            vault_.session([&](Tree& tree) -> asio::awaitable<void> {
                for (std::uint64_t i = 0; i < 12; ++i) {
                    const std::string text =
                        "session " + std::to_string(session) + ", value " + std::to_string(i);
                    co_await put(tree, i * (session + 1u), text);
                    if (i % 4 != 3) continue;
                    co_await tree.commit();
                    states_.push_back(co_await contents_of(tree));
                }
            });
        }
        intact_ = vault_.disk;
        segments_ = vault_.segments();
        ASSERT_EQ(segments_.size(), 3u);
    }

    enum class Outcome { newest, refused, told, silently_older };

    // What a mount of the present disk shows.
    Outcome look() {
        Contents found;
        try {
            vault_.session([&](Tree& tree) -> asio::awaitable<void> { found = co_await contents_of(tree); });
        } catch (const Error&) {
            return Outcome::refused;
        }
        const auto state = std::ranges::find(states_, found);
        EXPECT_NE(state, states_.end()) << "the vault shows what it never was";
        if (state == states_.end() - 1) return Outcome::newest;
        const bool told = vault_.recovered.verdict == Verdict::damaged || !vault_.recovered.notes.empty();
        return told ? Outcome::told : Outcome::silently_older;
    }

    void restore() { vault_.disk = std::make_shared<store::MemoryDisk>(intact_->snapshot()); }

    Vault vault_;
    std::vector<Contents> states_;  // as committed
    std::shared_ptr<store::MemoryDisk> intact_;
    std::vector<block::ListedSegment> segments_;  // newest first
};

TEST_F(DamageTest, AChangedByteIsFoundOrDoesNotMatter) {
    std::size_t found = 0;
    for (const block::ListedSegment& segment : segments_) {
        for (std::uint64_t offset = 0; offset < segment.size_bytes; offset += 13) {
            SCOPED_TRACE("segment " + std::to_string(segment.id.sequence) + ", offset " +
                         std::to_string(offset));
            restore();
            vault_.flip_byte(segment.object, offset);
            const Outcome outcome = look();
            EXPECT_NE(outcome, Outcome::silently_older);
            found += outcome != Outcome::newest ? 1 : 0;
            if (HasFailure()) return;
        }
    }
    EXPECT_GT(found, 50u);
}

TEST_F(DamageTest, ACutSegmentIsFoundUnlessItLooksLikeACrash) {
    for (const block::ListedSegment& segment : segments_) {
        const bool newest = segment.id == segments_.front().id;
        for (std::uint64_t size = 0; size < segment.size_bytes; size += 61) {
            SCOPED_TRACE("segment " + std::to_string(segment.id.sequence) + ", cut at " +
                         std::to_string(size));
            restore();
            vault_.cut(segment.object, size);
            const Outcome outcome = look();
            // Without its seal and its end the newest segment is what a crash leaves: only a memory of the
            // newest generation outside of the vault can tell.
            EXPECT_TRUE(newest || outcome != Outcome::silently_older);
            if (HasFailure()) return;
        }
    }
}

TEST_F(DamageTest, ADeletedSegmentIsMissedUnlessItIsTheNewest) {
    for (std::size_t i = 1; i < segments_.size(); ++i) {
        restore();
        vault_.disk->erase(segments_[i].object);
        EXPECT_NE(look(), Outcome::silently_older);
    }
}

TEST_F(DamageTest, SwappedSegmentsAreFound) {
    restore();
    const Bytes first = vault_.disk->contents(segments_[0].object);
    const Bytes second = vault_.disk->contents(segments_[1].object);
    vault_.disk->put(segments_[0].object, second);
    vault_.disk->put(segments_[1].object, first);
    const Outcome outcome = look();
    EXPECT_TRUE(outcome == Outcome::refused || outcome == Outcome::told);
}

}  // namespace
}  // namespace demofs::tree::test
