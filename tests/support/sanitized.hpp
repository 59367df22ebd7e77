#pragma once
// PROJECT_TEST_SANITIZED: defined if a sanitizer brings the allocator and the handling of exceptions, which a
// test must then not replace.

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PROJECT_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PROJECT_TEST_SANITIZED 1
#endif
#endif
