#include "tests/support/cipher_counter.hpp"

#include <openssl/evp.h>

#include <atomic>

namespace {

std::atomic<std::int64_t> encrypted_bytes{0};
std::atomic<std::int64_t> decrypted_bytes{0};

void count(const EVP_CIPHER_CTX* context, const unsigned char* out, int size) {
    if (out == nullptr) return;  // associated data
    (EVP_CIPHER_CTX_is_encrypting(context) != 0 ? encrypted_bytes : decrypted_bytes) += size;
}

}  // namespace

// The linker sends every call of EVP_CipherUpdate here (--wrap), and so on. The names are the linker's.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

int __real_EVP_CipherUpdate(EVP_CIPHER_CTX*, unsigned char*, int*, const unsigned char*, int);
int __wrap_EVP_CipherUpdate(EVP_CIPHER_CTX* context, unsigned char* out, int* out_size,
                            const unsigned char* in, int size) {
    count(context, out, size);
    return __real_EVP_CipherUpdate(context, out, out_size, in, size);
}

int __real_EVP_EncryptUpdate(EVP_CIPHER_CTX*, unsigned char*, int*, const unsigned char*, int);
int __wrap_EVP_EncryptUpdate(EVP_CIPHER_CTX* context, unsigned char* out, int* out_size,
                             const unsigned char* in, int size) {
    count(context, out, size);
    return __real_EVP_EncryptUpdate(context, out, out_size, in, size);
}

int __real_EVP_DecryptUpdate(EVP_CIPHER_CTX*, unsigned char*, int*, const unsigned char*, int);
int __wrap_EVP_DecryptUpdate(EVP_CIPHER_CTX* context, unsigned char* out, int* out_size,
                             const unsigned char* in, int size) {
    count(context, out, size);
    return __real_EVP_DecryptUpdate(context, out, out_size, in, size);
}
}
// NOLINTEND(bugprone-reserved-identifier)

namespace test_support {

CipherBytes cipher_bytes() {
    return {encrypted_bytes, decrypted_bytes};
}

}  // namespace test_support
