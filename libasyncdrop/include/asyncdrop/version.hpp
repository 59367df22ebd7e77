// The version of the library, and what it needs.
//
//     #if ASYNCDROP_VERSION >= 200  // 0.2.0
//
// Semantic Versioning: while the first number is 0, a new second number may break programs, a new third one
// does not. The numbers are those of project() in CMakeLists.txt; configuring fails if they differ.
//
// Threads: constants.
#pragma once

#include <boost/version.hpp>

#if __cplusplus < 202002L
#error "asyncdrop needs C++20: compile with -std=c++20"
#endif

#if BOOST_VERSION < 108100
#error "asyncdrop needs Boost 1.81 or newer"
#endif

/// The first number of the version.
#define ASYNCDROP_VERSION_MAJOR 0
/// The second number of the version.
#define ASYNCDROP_VERSION_MINOR 2
/// The third number of the version.
#define ASYNCDROP_VERSION_PATCH 0

/// The version as one number that grows: 10000 * major + 100 * minor + patch.
#define ASYNCDROP_VERSION \
    (ASYNCDROP_VERSION_MAJOR * 10000 + ASYNCDROP_VERSION_MINOR * 100 + ASYNCDROP_VERSION_PATCH)

/// The version as text.
#define ASYNCDROP_VERSION_STRING "0.2.0"

namespace asyncdrop {

/// The macros' values, for code that has no need of the preprocessor.
inline constexpr int version_major = ASYNCDROP_VERSION_MAJOR;
/// The second number of the version.
inline constexpr int version_minor = ASYNCDROP_VERSION_MINOR;
/// The third number of the version.
inline constexpr int version_patch = ASYNCDROP_VERSION_PATCH;
/// The version as text.
inline constexpr const char* version_string = ASYNCDROP_VERSION_STRING;

}  // namespace asyncdrop
