// One target for libFuzzer: FUZZ_TARGET is its name.
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>

#include "tests/fuzz/targets.hpp"

namespace {

const demofs::fuzz::Target& chosen() {
    for (const demofs::fuzz::Target& target : demofs::fuzz::targets()) {
        if (target.name == FUZZ_TARGET) return target;
    }
    throw std::logic_error("there is no target " FUZZ_TARGET);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const demofs::fuzz::Target& target = chosen();
    target.run(std::as_bytes(std::span(data, size)));
    return 0;
}
