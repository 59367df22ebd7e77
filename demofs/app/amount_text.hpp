// Amounts with their units, for people.
//
// Threads: plain functions.
#pragma once

#include <cstdint>
#include <string>

namespace demofs::app {

/// "12 MB"; powers of 1000, as disks are sold and `du --si` counts.
std::string bytes_text(std::uint64_t bytes);

/// "1500 bytes (1.5 kB)", "15 bytes".
std::string exact_bytes_text(std::uint64_t bytes);

/// "1 file", "3 files"; `singular` takes an s.
std::string count_text(std::uint64_t count, const std::string& singular);

/// "0.1 s": a number with one digit behind the point, and its unit.
std::string decimal_text(double value, const std::string& unit);

}  // namespace demofs::app
