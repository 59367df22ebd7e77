// How expensive a new key slot makes each guess at its password: about as long as its owner wants to wait,
// measured on the machine at hand, but never less than a floor, and never more memory than a small machine
// has as well.
//
// Threads: plain functions that block like the key derivation itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "demofs/crypto/kdf.hpp"

namespace demofs::crypto {

using Seconds = std::chrono::duration<double>;

/// However slow the machine is that makes a slot.
inline constexpr KdfParameters kdf_floor{3, std::uint64_t{64} * 1024 * 1024};
/// However fast it is, and however long its owner wants to wait.
inline constexpr KdfParameters kdf_ceiling{kdf_max_ops, std::uint64_t{256} * 1024 * 1024};

struct CalibratedKdf {
    KdfParameters parameters;
    Seconds expected{};  ///< on this machine, when it has nothing else to do
};

/// Tells how long a key derivation takes; called a few times.
using KdfTimer = std::function<Seconds(const KdfParameters&)>;

/// Parameters that take about `wanted`: as much memory as the ceiling and a quarter of `machine_bytes` allow
/// and the time is enough for, and then as many passes over it as fit. Throws what `measure` throws.
[[nodiscard]] CalibratedKdf calibrate_kdf(Seconds wanted, std::uint64_t machine_bytes,
                                          const KdfTimer& measure);

/// The processor time of one derivation, so that other programs make no slot cheaper. Longer than any wanted
/// time if the memory cannot be had.
[[nodiscard]] Seconds measure_kdf(const KdfParameters& parameters);

/// The memory of this machine, used or not.
[[nodiscard]] std::uint64_t machine_memory_bytes();

}  // namespace demofs::crypto
