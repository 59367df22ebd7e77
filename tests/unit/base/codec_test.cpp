#include "demofs/base/codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "demofs/base/error.hpp"

namespace demofs {
namespace {

using testing::HasSubstr;

template <class F>
std::string corruption_text(F&& decode) {
    try {
        decode();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::corrupt);
        return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
}

TEST(Codec, EveryTypeSurvivesARoundTrip) {
    Encoder encoder;
    encoder.u8(0xfe);
    encoder.u16(0xfedc);
    encoder.u32(0xfedcba98);
    encoder.u64(0xfedcba9876543210);
    encoder.i64(std::numeric_limits<std::int64_t>::min());
    encoder.bytes(as_bytes("raw"));
    encoder.sized_bytes(as_bytes("sized"));
    encoder.sized_text("");
    encoder.zeros(3);
    const Bytes encoded = std::move(encoder).take();

    Decoder decoder(encoded, "test record");
    EXPECT_EQ(decoder.u8(), 0xfe);
    EXPECT_EQ(decoder.u16(), 0xfedc);
    EXPECT_EQ(decoder.u32(), 0xfedcba98);
    EXPECT_EQ(decoder.u64(), 0xfedcba9876543210);
    EXPECT_EQ(decoder.i64(), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(as_text(decoder.bytes(3)), "raw");
    EXPECT_EQ(as_text(decoder.sized_bytes()), "sized");
    EXPECT_EQ(decoder.sized_text(), "");
    decoder.skip(3);
    EXPECT_EQ(decoder.remaining(), 0U);
    EXPECT_NO_THROW(decoder.expect_end());
}

TEST(Codec, NumbersAreLittleEndian) {
    Encoder encoder;
    encoder.u32(0x01020304);
    EXPECT_EQ(as_text(encoder.span()), "\x04\x03\x02\x01");
}

TEST(Codec, AnEncoderAppendsToTheCallersVector) {
    Bytes out(2, std::byte{7});
    Encoder encoder(out);
    encoder.u16(0);
    EXPECT_EQ(out.size(), 4U);
    EXPECT_EQ(encoder.size(), 4U);
    EXPECT_EQ(out[0], std::byte{7});
}

TEST(Codec, APatchReplacesAnEncodedNumber) {
    Encoder encoder;
    encoder.u32(0);
    encoder.u64(0);
    encoder.patch_u32(0, 17);
    encoder.patch_u64(4, 18);
    Decoder decoder(encoder.span());
    EXPECT_EQ(decoder.u32(), 17U);
    EXPECT_EQ(decoder.u64(), 18U);
    EXPECT_THROW(encoder.patch_u32(9, 1), std::out_of_range);
    EXPECT_THROW(encoder.patch_u32(SIZE_MAX, 1), std::out_of_range);
}

TEST(Decoder, ReadingPastTheEndIsCorruptionAndNamesTheSubject) {
    const std::byte three[3]{};
    Decoder decoder(three, "commit record");
    decoder.skip(1);
    const std::string text = corruption_text([&] { static_cast<void>(decoder.u32()); });
    EXPECT_THAT(text, HasSubstr("The commit record is damaged at byte 1"));
    EXPECT_THAT(text, HasSubstr("u32"));
    EXPECT_EQ(decoder.remaining(), 2U);
    EXPECT_EQ(decoder.u16(), 0U);
}

TEST(Decoder, AnEnormousLengthIsCorruptionAndLeavesThePosition) {
    Encoder encoder;
    encoder.u32(UINT32_MAX);
    Decoder decoder(encoder.span());
    corruption_text([&] { static_cast<void>(decoder.sized_bytes()); });
    EXPECT_EQ(decoder.position(), 0U);
    corruption_text([&] { static_cast<void>(decoder.bytes(SIZE_MAX)); });
}

TEST(Decoder, ALengthAboveTheCallersLimitIsCorruption) {
    Encoder encoder;
    encoder.sized_text("hello");
    Decoder decoder(encoder.span());
    corruption_text([&] { static_cast<void>(decoder.sized_bytes(4)); });
    EXPECT_EQ(as_text(decoder.sized_bytes(5)), "hello");
}

TEST(Decoder, BytesLeftOverAreCorruption) {
    const std::byte two[2]{};
    Decoder decoder(two);
    static_cast<void>(decoder.u8());
    EXPECT_THAT(corruption_text([&] { decoder.expect_end(); }), HasSubstr("1 unexpected bytes"));
}

TEST(Decoder, EveryPrefixOfARecordIsCorruption) {
    Encoder encoder;
    encoder.u16(1);
    encoder.sized_text("name");
    encoder.u64(2);
    for (std::size_t size = 0; size < encoder.size(); ++size) {
        corruption_text([&] {
            Decoder decoder(encoder.span().first(size));
            static_cast<void>(decoder.u16());
            static_cast<void>(decoder.sized_text());
            static_cast<void>(decoder.u64());
        });
    }
}

}  // namespace
}  // namespace demofs
