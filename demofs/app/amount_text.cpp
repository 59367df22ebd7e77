#include "demofs/app/amount_text.hpp"

#include <array>
#include <cstdio>

namespace demofs::app {

std::string decimal_text(double value, const std::string& unit) {
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%.1f %s", value, unit.c_str());
    return text.data();
}

std::string count_text(std::uint64_t count, const std::string& singular) {
    return std::to_string(count) + " " + singular + (count == 1 ? "" : "s");
}

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array units{"B", "kB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < units.size(); ++unit) value /= 1000;
    if (unit == 0 || value >= 9.95)
        return std::to_string(static_cast<std::uint64_t>(value + 0.5)) + " " + units[unit];
    return decimal_text(value, units[unit]);
}

std::string exact_bytes_text(std::uint64_t bytes) {
    return count_text(bytes, "byte") + (bytes < 1000 ? "" : " (" + bytes_text(bytes) + ")");
}

}  // namespace demofs::app
