// What the values of the fs layer have in common: a version byte in front, and timestamps. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "demofs/base/codec.hpp"
#include "demofs/base/error.hpp"
#include "demofs/fs/model/attributes.hpp"

namespace demofs::fs::detail {

inline void encode_time(Encoder& out, const Timestamp& time) {
    out.i64(time.seconds);
    out.u32(time.nanoseconds);
}

inline Timestamp decode_time(Decoder& in) {
    Timestamp time;
    time.seconds = in.i64();
    time.nanoseconds = in.u32();
    if (time.nanoseconds >= 1'000'000'000) in.fail("the nanoseconds are not below a second");
    return time;
}

// Reads the version byte and refuses every version but `known`.
inline void expect_version(Decoder& in, std::uint8_t known, const char* what) {
    const std::uint8_t version = in.u8();
    if (version == known) return;
    if (version == 0) in.fail("it has version 0, which never existed");
    throw Error(Errc::unsupported_format, std::string("The vault holds an ") + what + " of version " +
                                              std::to_string(version) +
                                              ", which this program does not know; use a newer one.");
}

}  // namespace demofs::fs::detail
