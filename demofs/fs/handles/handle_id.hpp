// The name of an open file among all that one mount opens. Never used twice. A pure value, any thread.
#pragma once

#include <cstdint>

namespace demofs::fs {

enum class HandleId : std::uint64_t {};

}  // namespace demofs::fs
