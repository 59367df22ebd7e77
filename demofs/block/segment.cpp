// Names and headers of segments. A name hides the order of segments and proves nothing; a header opens only
// under the key of its own name, so a renamed object does not open at all.
#include "demofs/block/segment.hpp"

#include <algorithm>
#include <chrono>

#include "demofs/base/codec.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/random.hpp"
#include "demofs/crypto/hex.hpp"
#include "demofs/crypto/nonce.hpp"

namespace demofs::block {
namespace {

using NameBlock = crypto::VaultKeys::NameBlock;

constexpr std::uint64_t magic = 0x475373666f6d6564;  // the characters "demofsSG"
constexpr std::uint8_t incompatible_flags = 0x0f;  // a reader that does not know one of these must not go on

NameBlock name_plain(const SegmentId& id) {
    Encoder encoder;
    encoder.u64(id.sequence);
    encoder.u64(id.salt);
    NameBlock plain{};
    std::copy_n(encoder.span().begin(), plain.size(), plain.begin());
    return plain;
}

// The header's associated data: the vault and the encrypted name.
std::array<std::byte, 32> header_aad(const crypto::VaultKeys& keys, const NameBlock& plain) {
    std::array<std::byte, 32> aad;
    std::ranges::copy(keys.vault_id(), aad.begin());
    std::ranges::copy(keys.encrypt_name(plain), aad.begin() + 16);
    return aad;
}

// The header's key is its own and seals once: any fixed nonce will do.
crypto::Nonce header_nonce() {
    return crypto::nonce_for(0, crypto::Part::header);
}

template <std::size_t N>
std::array<std::byte, N> array_of(ByteSpan bytes) {
    std::array<std::byte, N> out{};
    std::copy_n(bytes.begin(), N, out.begin());
    return out;
}

}  // namespace

std::string object_name(const crypto::VaultKeys& keys, const SegmentId& id) {
    return crypto::to_hex(keys.encrypt_name(name_plain(id)));
}

std::optional<SegmentId> segment_of_object(const crypto::VaultKeys& keys, std::string_view name) {
    NameBlock block{};
    if (!crypto::from_hex(name, block)) return std::nullopt;
    const NameBlock plain = keys.decrypt_name(block);
    Decoder decoder(plain, "segment name");
    SegmentId id;
    id.sequence = decoder.u64();
    id.salt = decoder.u64();
    if (id.sequence == 0 || id.sequence >= sequence_limit) return std::nullopt;
    return id;
}

Segment new_segment(const crypto::VaultKeys& keys, std::uint64_t sequence, const Origin& origin) {
    SegmentId id{.sequence = sequence, .salt = 0};
    SegmentUid uid;
    fill_random(std::as_writable_bytes(std::span(&id.salt, 1)));
    fill_random(uid);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return Segment{.id = id,
                   .object = object_name(keys, id),
                   .uid = uid,
                   .origin = origin,
                   .created = std::chrono::duration_cast<std::chrono::seconds>(now).count(),
                   .vault = keys.vault_id(),
                   .key = keys.segment_key(keys.cipher(), uid)};
}

std::array<std::byte, segment_header_bytes> seal_segment_header(const crypto::VaultKeys& keys,
                                                                const Segment& segment) {
    Encoder plain;
    plain.u64(magic);
    plain.u16(segment_format_version);
    plain.u8(static_cast<std::uint8_t>(segment.key.cipher()));
    plain.u8(0);   // flags
    plain.u32(0);  // reserved
    plain.u64(segment.id.sequence);
    plain.u64(segment.id.salt);
    plain.bytes(segment.uid);
    plain.bytes(segment.origin.session.bytes);
    plain.i64(segment.created);
    plain.bytes(segment.origin.replica.bytes);
    plain.bytes(segment.origin.base.session.bytes);
    plain.u64(raw(segment.origin.base.generation));

    std::array<std::byte, segment_header_bytes> stored{};
    const NameBlock name = name_plain(segment.id);
    const crypto::AeadKey key = keys.header_key(name);
    crypto::seal(key, header_nonce(), header_aad(keys, name), plain.span(), stored);
    return stored;
}

std::optional<Segment> open_segment_header(const crypto::VaultKeys& keys, const SegmentId& id,
                                           ByteSpan stored) {
    if (stored.size() != segment_header_bytes) return std::nullopt;
    std::array<std::byte, segment_header_plain_bytes> plain{};
    const NameBlock name = name_plain(id);
    const crypto::AeadKey key = keys.header_key(name);
    if (!crypto::open(key, header_nonce(), header_aad(keys, name), stored, plain)) return std::nullopt;

    Decoder decoder(plain, "segment header");
    if (decoder.u64() != magic) decoder.fail("it has another magic");
    const std::uint16_t version = decoder.u16();
    const auto cipher = static_cast<crypto::Cipher>(decoder.u8());
    const std::uint8_t flags = decoder.u8();
    if (version != segment_format_version || (flags & incompatible_flags) != 0)
        throw Error(Errc::unsupported_format, describe(id) + " is of a newer format.");
    if (cipher != crypto::Cipher::aes_256_gcm && cipher != crypto::Cipher::chacha20_poly1305)
        throw Error(Errc::unsupported_format, describe(id) + " uses an unknown cipher.");
    decoder.skip(4);
    SegmentId stored_id;
    stored_id.sequence = decoder.u64();
    stored_id.salt = decoder.u64();
    if (stored_id != id) decoder.fail("it names another segment");
    const auto uid = array_of<16>(decoder.bytes(16));
    Origin origin;
    origin.session.bytes = array_of<16>(decoder.bytes(16));
    const std::int64_t created = decoder.i64();
    origin.replica.bytes = array_of<16>(decoder.bytes(16));
    origin.base.session.bytes = array_of<16>(decoder.bytes(16));
    origin.base.generation = Generation{decoder.u64()};
    decoder.expect_end();
    return Segment{.id = id,
                   .object = object_name(keys, id),
                   .uid = uid,
                   .origin = origin,
                   .created = created,
                   .vault = keys.vault_id(),
                   .key = keys.segment_key(cipher, uid)};
}

std::string describe(const SegmentId& id) {
    return "segment " + std::to_string(id.sequence);
}

std::string describe(const Segment& segment) {
    return describe(segment.id) + " (object " + segment.object + ")";
}

}  // namespace demofs::block
