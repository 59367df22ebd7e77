// Whoever changes what is stored gets errors, never wrong bytes.
#include <gmock/gmock.h>

#include <map>

#include "demofs/base/error.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using namespace test;

// A log of two sessions, small enough to try everything on.
class TamperedLog : public testing::Test {
  protected:
    void SetUp() override {
        for (std::uint64_t session = 0; session < 2; ++session) {
            vault.session([&](Vault::Session& s) -> asio::awaitable<void> {
                for (std::uint64_t i = 0; i < 4; ++i) {
                    payloads.push_back(payload_of(90, 10 * session + i));
                    addresses.push_back(s.append(payloads.back()));
                }
                LogDigest digest = co_await s.blocks.digest();
                digests.push_back(std::move(digest));
                co_await s.blocks.sync();
            });
        }
        for (const std::string& name : vault.disk->names()) objects[name] = vault.disk->contents(name);
        for (std::size_t i = 0; i < addresses.size(); ++i)
            names.push_back(object_name(vault.keys, addresses[i].segment));
    }

    void restore() {
        for (const std::string& name : vault.disk->names()) vault.disk->erase(name);
        for (const auto& [name, contents] : objects) vault.disk->put(name, contents);
    }

    // What a reader sees of the present disk.
    struct Sight {
        std::size_t unreadable = 0;  // blocks
        bool verifies = true;        // each commit's ranges, with their hash
    };
    Sight look() {
        Sight sight;
        vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
            co_await read_all(reader, sight);
            co_await verify_all(reader, sight);
        });
        return sight;
    }

    // A block that reads must be right.
    asio::awaitable<void> read_all(LogReader& reader, Sight& sight) {
        for (std::size_t i = 0; i < addresses.size(); ++i) {
            try {
                const SharedBytes read = co_await reader.read(addresses[i], BlockKind::data);
                EXPECT_TRUE(same_bytes(read, payloads[i])) << "wrong bytes in block " << i;
            } catch (const Error&) {
                ++sight.unreadable;
            }
        }
    }

    asio::awaitable<void> verify_all(LogReader& reader, Sight& sight) {
        for (const LogDigest& digest : digests) {
            const Verification found = co_await reader.verify(digest.ranges);
            sight.verifies = sight.verifies && found.intact() && found.tags_hash == digest.tags_hash;
        }
    }

    std::size_t unreadable() { return look().unreadable; }
    bool verifies() { return look().verifies; }

    // Flips this bit of an object in which nothing else is wrong.
    void flip(const std::string& name, std::size_t bit) {
        Bytes damaged = objects[name];
        damaged[bit / 8] ^= std::byte(1 << bit % 8);
        vault.disk->put(name, damaged);
    }

    Vault vault;
    std::vector<BlockAddress> addresses;
    std::vector<SharedBytes> payloads;
    std::vector<std::string> names;  // of the object that holds each block
    std::vector<LogDigest> digests;
    std::map<std::string, Bytes> objects;
};

TEST_F(TamperedLog, IsFineBeforeAnybodyTampers) {
    EXPECT_EQ(objects.size(), 2u);
    EXPECT_EQ(unreadable(), 0u);
    EXPECT_TRUE(verifies());
}

// All bits of the first session's object; of the second's, which is made in the same way, one of each byte.
TEST_F(TamperedLog, EverySingleBitFlipIsDetected) {
    const std::size_t used = addresses[3].end();
    ASSERT_LT(used, boundary_bytes);
    for (const auto& [name, contents] : objects) {
        const bool first = name == names[0];
        for (std::size_t bit = 0; bit < used * 8; ++bit) {
            if (!first && bit % 8 != bit / 8 % 8) continue;
            flip(name, bit);
            const bool has_copy = bit / 8 < segment_header_bytes;
            const Sight sight = look();
            ASSERT_EQ(sight.unreadable, has_copy ? 0u : 1u) << "bit " << bit;
            ASSERT_EQ(sight.verifies, has_copy) << "bit " << bit;
        }
        vault.disk->put(name, contents);
    }
}

TEST_F(TamperedLog, EverySingleBitFlipInTheHeaderOfASegmentWithoutItsCopyIsDetected) {
    const auto& [name, contents] = *objects.begin();
    const ByteSpan without_copy = ByteSpan(contents).first(contents.size() - segment_header_bytes);
    for (std::size_t bit = 0; bit < segment_header_bytes * 8; ++bit) {
        Bytes damaged(without_copy.begin(), without_copy.end());
        damaged[bit / 8] ^= std::byte(1 << bit % 8);
        vault.disk->put(name, damaged);
        const Sight sight = look();
        ASSERT_EQ(sight.unreadable, 4u) << "bit " << bit;
        ASSERT_FALSE(sight.verifies) << "bit " << bit;
    }
}

TEST_F(TamperedLog, EverySingleBitFlipInASealUnsealsTheSegment) {
    const auto& [name, contents] = *objects.begin();
    const SegmentId segment = *segment_of_object(vault.keys, name);
    ASSERT_EQ(contents.size(), boundary_bytes + segment_end_bytes);
    for (std::size_t bit = boundary_bytes * 8; bit < (boundary_bytes + stored_seal_bytes) * 8; ++bit) {
        flip(name, bit);
        bool sealed = true;
        vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
            const std::optional<SealRecord> seal = co_await reader.seal_of(segment);
            sealed = seal.has_value();
        });
        ASSERT_FALSE(sealed) << "bit " << bit;
        ASSERT_EQ(unreadable(), 0u);
    }
}

TEST_F(TamperedLog, EveryTruncationIsDetected) {
    for (const auto& [name, contents] : objects) {
        for (std::size_t size = 0; size < addresses[3].end(); ++size) {
            vault.disk->put(name, ByteSpan(contents).first(size));
            const Sight sight = look();
            ASSERT_GE(sight.unreadable, 1u) << size;
            ASSERT_FALSE(sight.verifies) << size;
        }
        vault.disk->put(name, contents);
    }
}

TEST_F(TamperedLog, SwappedBlocksAreDetected) {
    for (std::size_t a = 0; a < addresses.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) {
            restore();
            Bytes in_a = vault.disk->contents(names[a]);
            Bytes in_b = vault.disk->contents(names[b]);
            Bytes& target = names[a] == names[b] ? in_a : in_b;
            std::swap_ranges(in_a.begin() + addresses[a].offset, in_a.begin() + addresses[a].end(),
                             target.begin() + addresses[b].offset);
            if (names[a] != names[b]) vault.disk->put(names[b], in_b);
            vault.disk->put(names[a], in_a);
            EXPECT_EQ(unreadable(), 2u) << a << " and " << b;
            EXPECT_FALSE(verifies());
        }
    }
}

TEST_F(TamperedLog, ADuplicatedBlockIsDetected) {
    Bytes stored = objects[names[0]];
    std::copy_n(stored.begin() + addresses[1].offset, addresses[1].stored_bytes(),
                stored.begin() + addresses[2].offset);
    vault.disk->put(names[0], stored);
    EXPECT_EQ(unreadable(), 1u);
    EXPECT_FALSE(verifies());
}

TEST_F(TamperedLog, SwappedSegmentsAreDetected) {
    vault.disk->put(names[0], objects[names[4]]);
    vault.disk->put(names[4], objects[names[0]]);
    EXPECT_EQ(unreadable(), 8u);
    EXPECT_FALSE(verifies());
}

TEST_F(TamperedLog, ARenamedOrCopiedSegmentIsNotTakenForAnother) {
    const std::string other = object_name(vault.keys, {77, 1});
    vault.disk->put(other, objects[names[0]]);
    EXPECT_EQ(unreadable(), 0u);
    vault.read([&](LogReader& reader, store::ObjectStore&) -> asio::awaitable<void> {
        EXPECT_EQ(reader.catalog().segments().size(), 3u);
        const SegmentId id{77, 1};
        auto opening = reader.catalog().find(id);
        const std::exception_ptr error = co_await error_of(std::move(opening));
        EXPECT_TRUE(has_code(error, make_error_code(Errc::corrupt)));
    });
    vault.disk->erase(names[0]);
    EXPECT_EQ(unreadable(), 4u);
    EXPECT_FALSE(verifies());
}

TEST_F(TamperedLog, ADeletedSegmentIsDetected) {
    vault.disk->erase(names[4]);
    EXPECT_EQ(unreadable(), 4u);
    EXPECT_FALSE(verifies());
}

TEST_F(TamperedLog, AnObjectOfAnotherVaultIsNotAuthentic) {
    crypto::VaultId other_vault{};
    other_vault[0] = std::byte{43};
    const Bytes key(crypto::master_key_bytes, std::byte{7});
    vault.keys.~VaultKeys();
    new (&vault.keys) crypto::VaultKeys(crypto::MasterKey(crypto::SecretBytes::copy_of(key)), other_vault,
                                        crypto::Cipher::aes_256_gcm);
    EXPECT_EQ(unreadable(), 8u);
}

}  // namespace
}  // namespace demofs::block
