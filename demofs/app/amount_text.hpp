// Amounts with their units, for people.
//
// Threads: plain functions.
#pragma once

#include <cstdint>
#include <string>

namespace demofs::app {

/// "12 MB"; powers of 1000, as disks are sold and `du --si` counts.
std::string bytes_text(std::uint64_t bytes);

/// "0.1 s": a number with one digit behind the point, and its unit.
std::string decimal_text(double value, const std::string& unit);

}  // namespace demofs::app
