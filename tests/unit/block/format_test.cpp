// The worked example of docs/on-disk-format.md. Its bytes were computed by an independent implementation
// (Python, with the cryptography package): if this test fails, the format has changed, and vaults that exist
// cannot be read.
#include <gmock/gmock.h>

#include <numeric>

#include "demofs/block/block_codec.hpp"
#include "demofs/block/tag_hash.hpp"
#include "tests/unit/block/block_fixture.hpp"

namespace demofs::block {
namespace {

using namespace test;

constexpr std::string_view object = "287abe6ee327c69cd5aaadbb8cb2356a";
constexpr std::string_view header_hex =
    "48c24e8b272dc91c4e68cafc991506a3e118453a7484c0cbddbfd89b4127ad8395c827cebb1a22f54001a73ef532fa6b"
    "440b64ac10cee5d494f6884cd9d0d8512487ce1245229eeb2ebdbe6b7e961e37eca3bafee90c0dfe2b739488da8b04d5"
    "052ee2a9d2f3df24134405ca649615ceb5a55964344197130cb9e5b26a8d4b5a";
constexpr std::string_view block_hex =
    "9f5f9807543f419bb3a78e347daf001c5c399ae2354b2151b33694739d36d58044b262d867b68ff4426ee964545de9b5"
    "9e09b0896fcfcd962c76ae88ea3a2fe010a15a88bb2937ba75041ce979";
constexpr std::string_view tags_hash_hex = "eb33316d1ea067eb16780a414d6582402a93d1c38041c7960a4bdb16f45e8348";
constexpr std::string_view seal_hex =
    "c023f61336d4cb607c1f632ea4da18230baa398d830e2755be82909a31fabd99e614077f66d90c94da1517749f42880c"
    "017a6d6de1b39fb7541a36c9856a747c4125cdd9457f3fdd8b25b36613b089fd0a3ae6a8d335204ca3e4e2a3c39d8659"
    "94b3d6b5f73d62926151c37f49f72296682b739de7ac0ae773ee27bb157ddb12";

std::string hex(ByteSpan bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : bytes) {
        text += digits[std::to_integer<unsigned>(byte) >> 4];
        text += digits[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}

Bytes from_hex(std::string_view text) {
    Bytes bytes;
    for (std::size_t i = 0; i < text.size(); i += 2)
        bytes.push_back(std::byte(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    return bytes;
}

// N bytes first, first + 1, …
template <std::size_t N>
std::array<std::byte, N> counting_from(unsigned first) {
    std::array<std::byte, N> bytes{};
    for (std::size_t i = 0; i < N; ++i) bytes[i] = std::byte(first + i);
    return bytes;
}

class WorkedExample : public testing::Test {
  protected:
    BlockNonces nonces_at(std::uint32_t offset) const {
        return {crypto::nonce_for(offset, crypto::Part::header), crypto::PieceNonces(offset, 1)};
    }

    const std::string_view text = "hello, world\n";
    crypto::VaultKeys keys{crypto::MasterKey(crypto::SecretBytes::copy_of(counting_from<32>(0))),
                           counting_from<16>(0xa0), crypto::Cipher::aes_256_gcm};
    static Origin example_origin() {
        Origin origin(SessionId{counting_from<16>(0xc0)});
        origin.replica = ReplicaId{counting_from<16>(0xd0)};
        origin.base = {SessionId{counting_from<16>(0xe0)}, Generation{7}};
        return origin;
    }

    SegmentId id{1, 0x1122334455667788};
    Segment segment{.id = id,
                    .object = std::string(object),
                    .uid = counting_from<16>(0xb0),
                    .origin = example_origin(),
                    .created = 1'700'000'000,
                    .vault = keys.vault_id(),
                    .key = keys.segment_key(crypto::Cipher::aes_256_gcm, counting_from<16>(0xb0))};
};

TEST_F(WorkedExample, IsWhatIsWritten) {
    EXPECT_EQ(object_name(keys, id), object);
    EXPECT_EQ(hex(seal_segment_header(keys, segment)), header_hex);

    Bytes stored(stored_block_bytes(static_cast<std::uint32_t>(text.size())));
    const BlockTags tags =
        seal_block(segment, 128, nonces_at(128), header_of(BlockKind::data, 2, 0, 1), as_bytes(text), stored);
    EXPECT_EQ(hex(stored), block_hex);
    TagHash hash;
    hash.add(tags);
    SealRecord record;
    record.blocks_end = 128 + stored.size();
    record.final_bytes = 4096 + segment_end_bytes;
    record.blocks = 1;
    record.tags_hash = hash.take();
    EXPECT_EQ(hex(record.tags_hash), tags_hash_hex);

    Bytes seal(stored_seal_bytes);
    const Bytes payload = encode(record);
    seal_block(segment, 4096, nonces_at(4096), header_of(BlockKind::seal, 0, 0, 0), payload, seal);
    EXPECT_EQ(hex(seal), seal_hex);
}

// The example's second block: the bytes i mod 251 for i from 0 to 4999, at offset 256.
TEST_F(WorkedExample, ALargePayloadIsSealedInPieces) {
    Bytes payload(5000);
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = std::byte(i % 251);
    Bytes stored(5080);
    const BlockNonces nonces{crypto::nonce_for(256, crypto::Part::header), crypto::PieceNonces(256, 2)};
    const BlockTags tags =
        seal_block(segment, 256, nonces, header_of(BlockKind::data, 2, 32768, 1), payload, stored);
    EXPECT_EQ(hex(tags),
              "7b4a926f5fe09bbb8584e532b75270a8f460ac3c225e520ef95fc0ff58348b6c"
              "51b41e38d374f963d32da905c61d5c8b");
    TagHash hash;
    hash.add(tags);
    EXPECT_EQ(hex(hash.take()), "f275f439993cf7c482655855901278cb50fa28fde0e6f619ed66fe18834ecd4f");
}

TEST_F(WorkedExample, IsRead) {
    Bytes stored = from_hex(header_hex);
    const Bytes block = from_hex(block_hex);
    const Bytes seal = from_hex(seal_hex);
    stored.insert(stored.end(), block.begin(), block.end());
    stored.resize(4096, std::byte{0x5a});  // filler may be anything
    stored.insert(stored.end(), seal.begin(), seal.end());
    const Bytes header_copy = from_hex(header_hex);
    stored.insert(stored.end(), header_copy.begin(), header_copy.end());

    asio::io_context context;
    const auto disk = std::make_shared<store::MemoryDisk>();
    disk->put(std::string(object), stored);
    auto store = store::MemoryObjectStore::open(disk);
    test_support::run_coroutine(context, [&]() -> asio::awaitable<void> {
        SegmentCatalog catalog(*store, keys);
        co_await catalog.refresh();
        LogReader reader(*store, catalog);
        EXPECT_EQ(reader.catalog().segments().size(), 1u);
        EXPECT_EQ(reader.catalog().segments().front().id, id);
        const SharedSegment opened = co_await reader.catalog().find(id);
        EXPECT_EQ(opened->uid, segment.uid);
        EXPECT_EQ(opened->origin, segment.origin);
        EXPECT_EQ(opened->created, segment.created);

        const BlockAddress address{id, 128, static_cast<std::uint32_t>(text.size())};
        const SharedBytes read = co_await reader.read(address, BlockKind::data);
        EXPECT_EQ(as_text(read), text);

        const std::optional<SealRecord> record = co_await reader.seal_of(id);
        EXPECT_TRUE(record.has_value());
        EXPECT_EQ(record->blocks, 1u);
        EXPECT_EQ(record->blocks_end, 205u);
        EXPECT_EQ(hex(record->tags_hash), tags_hash_hex);
        co_await store.async_drop();
    });
}

}  // namespace
}  // namespace demofs::block
