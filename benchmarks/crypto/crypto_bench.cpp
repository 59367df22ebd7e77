// Sealing and opening blocks, beside bare OpenSSL doing the same with everything prepared: the difference is
// the cost of demofs/crypto. Then what is paid for each segment: its key and its name.

#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <stdexcept>

#include "demofs/crypto/aead.hpp"
#include "demofs/crypto/keys.hpp"
#include "demofs/crypto/nonce.hpp"

namespace demofs::crypto {
namespace {

constexpr std::size_t aad_bytes = 40;  // as the block layer has it

AeadKey make_key(Cipher cipher) {
    return AeadKey(cipher, Bytes(aead_key_bytes, std::byte{1}));
}

void count_bytes(benchmark::State& state) {
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void seal_block(benchmark::State& state, Cipher cipher) {
    const AeadKey key = make_key(cipher);
    const Bytes aad(aad_bytes), plain(static_cast<std::size_t>(state.range(0)));
    Bytes sealed(plain.size() + tag_bytes);
    std::uint64_t offset = 0;
    for (auto _ : state) seal(key, nonce_for(offset++, Part::payload), aad, plain, sealed);
    count_bytes(state);
}

void open_block(benchmark::State& state, Cipher cipher) {
    const AeadKey key = make_key(cipher);
    const Bytes aad(aad_bytes);
    Bytes plain(static_cast<std::size_t>(state.range(0)));
    Bytes sealed(plain.size() + tag_bytes);
    const Nonce nonce = nonce_for(0, Part::payload);
    seal(key, nonce, aad, plain, sealed);
    for (auto _ : state)
        if (!open(key, nonce, aad, sealed, plain)) throw std::logic_error("a sealed block did not open");
    count_bytes(state);
}

// Two keys in turn on one thread: what a read that jumps between segments pays.
void open_alternating_keys(benchmark::State& state) {
    const AeadKey keys[] = {make_key(Cipher::aes_256_gcm), make_key(Cipher::aes_256_gcm)};
    Bytes plain(static_cast<std::size_t>(state.range(0)));
    Bytes sealed(plain.size() + tag_bytes);
    const Nonce nonce = nonce_for(0, Part::payload);
    seal(keys[0], nonce, {}, plain, sealed);
    std::size_t turn = 0;
    for (auto _ : state)
        if (!open(keys[turn++ % 2], nonce, {}, sealed, plain))
            throw std::logic_error("a sealed block did not open");
    count_bytes(state);
}

void bare_openssl_seal(benchmark::State& state, const char* name) {
    EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
    EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
    const std::array<unsigned char, 32> key{1};
    const std::array<unsigned char, aad_bytes> aad{};
    const std::vector<unsigned char> plain(static_cast<std::size_t>(state.range(0)));
    std::vector<unsigned char> sealed(plain.size() + tag_bytes);
    std::array<unsigned char, nonce_bytes> nonce{};
    EVP_EncryptInit_ex2(context, cipher, key.data(), nonce.data(), nullptr);
    for (auto _ : state) {
        int length = 0;
        ++nonce[0];
        EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr);
        EVP_EncryptUpdate(context, nullptr, &length, aad.data(), static_cast<int>(aad.size()));
        EVP_EncryptUpdate(context, sealed.data(), &length, plain.data(), static_cast<int>(plain.size()));
        EVP_EncryptFinal_ex(context, sealed.data() + plain.size(), &length);
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, sealed.data() + plain.size());
    }
    count_bytes(state);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
}

void sizes(benchmark::internal::Benchmark* bench) {
    bench->Arg(64)->Arg(4 << 10)->Arg(32 << 10)->Arg(64 << 10);
}

BENCHMARK_CAPTURE(bare_openssl_seal, aes_256_gcm, "AES-256-GCM")->Apply(sizes);
BENCHMARK_CAPTURE(seal_block, aes_256_gcm, Cipher::aes_256_gcm)->Apply(sizes);
BENCHMARK_CAPTURE(open_block, aes_256_gcm, Cipher::aes_256_gcm)->Apply(sizes);
BENCHMARK(open_alternating_keys)->Apply(sizes);
BENCHMARK_CAPTURE(bare_openssl_seal, chacha20_poly1305, "ChaCha20-Poly1305")->Apply(sizes);
BENCHMARK_CAPTURE(seal_block, chacha20_poly1305, Cipher::chacha20_poly1305)->Apply(sizes);
BENCHMARK_CAPTURE(open_block, chacha20_poly1305, Cipher::chacha20_poly1305)->Apply(sizes);

VaultKeys make_vault_keys() {
    return VaultKeys(MasterKey::random(), VaultId{}, Cipher::aes_256_gcm);
}

void derive_segment_key(benchmark::State& state) {
    const VaultKeys keys = make_vault_keys();
    const std::array<std::byte, 16> id{};
    for (auto _ : state) benchmark::DoNotOptimize(keys.segment_key(Cipher::aes_256_gcm, id));
}
BENCHMARK(derive_segment_key);

void decrypt_segment_name(benchmark::State& state) {
    const VaultKeys keys = make_vault_keys();
    for (auto _ : state) benchmark::DoNotOptimize(keys.decrypt_name({}));
}
BENCHMARK(decrypt_segment_name);

void hash_file_name(benchmark::State& state) {
    const VaultKeys keys = make_vault_keys();
    for (auto _ : state) benchmark::DoNotOptimize(keys.siphash(as_bytes("a_file_name_of_usual_length.txt")));
}
BENCHMARK(hash_file_name);

}  // namespace
}  // namespace demofs::crypto
