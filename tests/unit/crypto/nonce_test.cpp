#include "demofs/crypto/nonce.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

#include "tests/unit/crypto/hex.hpp"

namespace demofs::crypto {
namespace {

using crypto_test::to_hex;

TEST(Nonce, IsTheOffsetThenThePartThenThePiece) {
    EXPECT_EQ(to_hex(nonce_for(0, Part::header)), "000000000000000001000000");
    EXPECT_EQ(to_hex(nonce_for(0x0102030405060708, Part::payload)), "080706050403020102000000");
    EXPECT_EQ(to_hex(nonce_for(std::numeric_limits<std::uint64_t>::max(), Part::header)),
              "ffffffffffffffff01000000");
    EXPECT_EQ(to_hex(nonce_for(1, Part::payload, 0x0203)), "010000000000000002030200");
}

TEST(NonceLedger, HandsOutRisingOffsetsOfBothParts) {
    NonceLedger ledger;
    EXPECT_EQ(ledger.take_header(0), nonce_for(0, Part::header));
    EXPECT_EQ(ledger.take_payload(0, 1).of(0), nonce_for(0, Part::payload));
    EXPECT_EQ(ledger.take_payload(4096, 1).of(0), nonce_for(4096, Part::payload));
    EXPECT_EQ(ledger.take_header(64), nonce_for(64, Part::header)) << "parts are independent";
}

TEST(NonceLedger, APayloadHasANonceForEachPieceAndNoMore) {
    NonceLedger ledger;
    const PieceNonces nonces = ledger.take_payload(7, 256);
    EXPECT_EQ(nonces.of(0), nonce_for(7, Part::payload));
    EXPECT_EQ(nonces.of(255), nonce_for(7, Part::payload, 255));
    EXPECT_THROW((void)nonces.of(256), std::logic_error);
    EXPECT_THROW((void)PieceNonces().of(0), std::logic_error);
    EXPECT_THROW((void)ledger.take_payload(8, 0), std::logic_error);
    EXPECT_THROW((void)ledger.take_payload(8, 65'537), std::logic_error) << "they would repeat";
    EXPECT_EQ(ledger.take_payload(8, 65'536).of(65'535), nonce_for(8, Part::payload, 65'535));
}

TEST(NonceLedger, RefusesAnOffsetThatIsNotBeyondTheLast) {
    NonceLedger ledger;
    (void)ledger.take_payload(100, 2);
    EXPECT_THROW((void)ledger.take_payload(100, 1), std::logic_error);
    EXPECT_THROW((void)ledger.take_payload(0, 1), std::logic_error);
    EXPECT_NO_THROW((void)ledger.take_payload(101, 1));
    (void)ledger.take_header(100);
    EXPECT_THROW((void)ledger.take_header(100), std::logic_error);
}

}  // namespace
}  // namespace demofs::crypto
