#pragma once
// Counts what a program encrypts and decrypts: the bytes of content that go through OpenSSL's ciphers.
//
// Linking it wraps OpenSSL's update functions, so the code that is counted knows nothing of it. Associated
// data is not counted, nor are hashes.
//
// Threads: any.

#include <cstdint>

namespace test_support {

struct CipherBytes {
    std::int64_t encrypted = 0;
    std::int64_t decrypted = 0;
};

/// How many bytes there have been in this program.
CipherBytes cipher_bytes();

}  // namespace test_support
