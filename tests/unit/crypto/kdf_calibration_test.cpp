#include "demofs/crypto/kdf_calibration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace demofs::crypto {
namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;
constexpr std::uint64_t plenty = 64 * 1024 * mebibyte;

// A machine on which one pass over one MiB takes this long.
KdfTimer machine(double seconds_per_pass_and_mebibyte) {
    return [=](const KdfParameters& kdf) {
        return Seconds(seconds_per_pass_and_mebibyte *
                       static_cast<double>(kdf.ops * (kdf.memory_bytes / mebibyte)));
    };
}

TEST(KdfCalibration, TakesTheTimeThatIsWanted) {
    const CalibratedKdf kdf = calibrate_kdf(Seconds(1), plenty, machine(0.0005));
    EXPECT_EQ(kdf.parameters.memory_bytes, 256 * mebibyte);
    EXPECT_EQ(kdf.parameters.ops, 8u);
    EXPECT_NEAR(kdf.expected.count(), 8 * 256 * 0.0005, 1e-9);
}

TEST(KdfCalibration, OnASlowMachineTakesLessMemoryAndNeverLessThanTheFloor) {
    EXPECT_EQ(calibrate_kdf(Seconds(1), plenty, machine(0.003)).parameters,
              (KdfParameters{3, 128 * mebibyte}));
    EXPECT_EQ(calibrate_kdf(Seconds(1), plenty, machine(0.1)).parameters, kdf_floor);
    const CalibratedKdf slowest = calibrate_kdf(Seconds(0.1), plenty, machine(10));
    EXPECT_EQ(slowest.parameters, kdf_floor);
    EXPECT_NEAR(slowest.expected.count(), 3 * 64 * 10, 1e-6) << "and tells how long that takes";
}

TEST(KdfCalibration, OnAFastMachineNeverMoreThanTheCeiling) {
    EXPECT_EQ(calibrate_kdf(Seconds(60), plenty, machine(1e-9)).parameters, kdf_ceiling);
    EXPECT_EQ(calibrate_kdf(Seconds(1), plenty, machine(0)).parameters, kdf_ceiling);
}

TEST(KdfCalibration, OnASmallMachineLeavesMostOfTheMemory) {
    EXPECT_EQ(calibrate_kdf(Seconds(1), 1024 * mebibyte, machine(0.0005)).parameters.memory_bytes,
              256 * mebibyte);
    EXPECT_EQ(calibrate_kdf(Seconds(1), 512 * mebibyte, machine(0.0005)).parameters,
              (KdfParameters{16, 128 * mebibyte}));
    EXPECT_EQ(calibrate_kdf(Seconds(1), 0, machine(0.0005)).parameters.memory_bytes, 64 * mebibyte);
}

TEST(KdfCalibration, MemoryThatCannotBeHadIsTooSlow) {
    std::vector<std::uint64_t> tried;
    const KdfTimer without_memory = [&](const KdfParameters& kdf) {
        tried.push_back(kdf.memory_bytes / mebibyte);
        return Seconds(kdf.memory_bytes > 128 * mebibyte ? std::numeric_limits<double>::infinity() : 0.5);
    };
    EXPECT_EQ(calibrate_kdf(Seconds(1), plenty, without_memory).parameters,
              (KdfParameters{6, 128 * mebibyte}));
    EXPECT_THAT(tried, testing::ElementsAre(256u, 128u));
    const KdfTimer never = [](const KdfParameters&) {
        return Seconds(std::numeric_limits<double>::infinity());
    };
    EXPECT_EQ(calibrate_kdf(Seconds(1), plenty, never).parameters, kdf_floor);
}

TEST(KdfCalibration, ItsBoundsAreWithinTheLimitsOfTheFormat) {
    EXPECT_NO_THROW(check_kdf_parameters(kdf_floor));
    EXPECT_NO_THROW(check_kdf_parameters(kdf_ceiling));
    EXPECT_LE(kdf_floor.memory_bytes, kdf_ceiling.memory_bytes);
}

TEST(KdfCalibration, MeasuresThisMachine) {
    EXPECT_GT(measure_kdf(KdfParameters{1, mebibyte}).count(), 0);
    EXPECT_GT(machine_memory_bytes(), 64 * mebibyte);
}

}  // namespace
}  // namespace demofs::crypto
