// expect(): how this program verifies itself.
#pragma once

#include <stdexcept>
#include <string>

namespace log_shipper {

/// Throws if what the sentence says is not so.
inline void expect(bool so, const std::string& sentence) {
    if (!so) throw std::logic_error("not so: " + sentence);
}

}  // namespace log_shipper
