#include <gtest/gtest.h>

#include <ctime>

#include "demofs/fs/model/attributes.hpp"

namespace demofs::fs {
namespace {

Timestamp tick() {
    timespec t{};
    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    return {t.tv_sec, static_cast<std::uint32_t>(t.tv_nsec)};
}

// The kernel stamps what it writes back with its tick. Were ours ahead of it, each new file that is written at
// once would cost a request more, and its modification could be seen to lie before its creation.
TEST(Timestamp, NowIsTheKernelsTick) {
    for (int i = 0; i < 1000; ++i) {
        const Timestamp before = tick();
        const Timestamp now = Timestamp::now();
        const Timestamp after = tick();
        ASSERT_LE(before, now);
        ASSERT_LE(now, after);
    }
}

}  // namespace
}  // namespace demofs::fs
