// Memory comes before passes: it is what makes guessing expensive for hardware that is built for guessing.
#include "demofs/crypto/kdf_calibration.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <limits>

#include "demofs/base/error.hpp"

namespace demofs::crypto {

namespace {

// With so much more than the wanted time for the least number of passes, half of the memory is the better
// choice.
constexpr double tolerance = 1.5;

Seconds processor_time() {
    timespec now{};
    if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) throw Error(errno, "cannot tell the time");
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

CalibratedKdf calibrate_kdf(Seconds wanted, std::uint64_t machine_bytes, const KdfTimer& measure) {
    KdfParameters chosen{kdf_floor.ops, kdf_ceiling.memory_bytes};
    while (chosen.memory_bytes > kdf_floor.memory_bytes && chosen.memory_bytes > machine_bytes / 4)
        chosen.memory_bytes /= 2;
    Seconds taken = measure(chosen);
    while (chosen.memory_bytes > kdf_floor.memory_bytes && taken > tolerance * wanted) {
        chosen.memory_bytes /= 2;
        taken = measure(chosen);
    }
    const Seconds pass = taken / static_cast<double>(chosen.ops);
    const double passes = std::round(wanted / pass);
    const auto most = static_cast<double>(kdf_ceiling.ops);
    chosen.ops = static_cast<std::uint64_t>(std::clamp(passes, static_cast<double>(kdf_floor.ops), most));
    return {chosen, pass * static_cast<double>(chosen.ops)};
}

Seconds measure_kdf(const KdfParameters& parameters) {
    const Password anything = Password::copy_of("anything");
    const std::array<std::byte, kdf_salt_bytes> salt{};
    const Seconds before = processor_time();
    try {
        static_cast<void>(derive_from_password(anything, salt, parameters, 32));
    } catch (const Error& error) {
        if (error.code() != std::errc::not_enough_memory) throw;
        return Seconds(std::numeric_limits<double>::infinity());
    }
    return processor_time() - before;
}

std::uint64_t machine_memory_bytes() {
    return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
           static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace demofs::crypto
