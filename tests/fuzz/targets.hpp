// The decoders of everything that is stored, each as a function that may be given any bytes.
#pragma once

#include <string_view>
#include <vector>

#include "demofs/base/bytes.hpp"

namespace demofs::fuzz {

struct Target {
    std::string_view name;
    /// Decodes `input`; false: it was refused in the way that decoders refuse. What was decoded and encodes to
    /// something else ends the process, as does anything else that a decoder must not do.
    bool (*run)(ByteSpan input);
};

[[nodiscard]] const std::vector<Target>& targets();

}  // namespace demofs::fuzz
