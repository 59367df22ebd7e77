// A time that the calendar of the C library does not reach is said to be one; it comes from a damaged clock.
#include "demofs/base/time_text.hpp"

#include <array>
#include <ctime>

namespace demofs {

std::string utc_text(std::chrono::sys_seconds time) {
    const std::time_t seconds =
        time.time_since_epoch().count();  // to_time_t would count nanoseconds in between
    std::tm fields{};
    if (::gmtime_r(&seconds, &fields) == nullptr) return "an impossible time";
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &fields);
    return text.data();
}

}  // namespace demofs
