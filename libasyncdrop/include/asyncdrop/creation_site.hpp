// Where a guarded resource was made: the file and line every report about it names.
//
// `std::source_location` is missing with clang 14, so this is a class of our own, filled by compiler
// builtins in a default argument. It has constructors on purpose: g++ 12 miscompiles defaulted aggregate
// arguments of awaited calls.
//
// Threads: a plain value.
#pragma once

#include <cstdint>

namespace asyncdrop {

/// A place in source code. `file()` points to a string literal and lives for ever.
class CreationSite {
  public:
    /// The place of the call. As a default argument of a function it is the place of *that* function's call,
    /// so a factory reports its caller: `guard open(path p, CreationSite site = CreationSite::here())`.
    static constexpr CreationSite here(const char* file = __builtin_FILE(),
                                       std::uint32_t line = __builtin_LINE()) noexcept {
        return CreationSite(file, line);
    }

    /// An unknown place.
    constexpr CreationSite() noexcept = default;

    constexpr CreationSite(const char* file, std::uint32_t line) noexcept : file_(file), line_(line) {}

    /// The file, as the compiler names it.
    constexpr const char* file() const noexcept { return file_; }
    /// The line, 0 if the place is unknown.
    constexpr std::uint32_t line() const noexcept { return line_; }

  private:
    const char* file_ = "<unknown>";
    std::uint32_t line_ = 0;
};

}  // namespace asyncdrop
