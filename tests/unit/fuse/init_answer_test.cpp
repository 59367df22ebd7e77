#include "demofs/fuse/init_answer.hpp"

#include <gtest/gtest.h>
#include <linux/fuse.h>

#include <array>

namespace demofs::fuse {
namespace {

struct Request {
    fuse_in_header header{};
    fuse_init_in init{};
};

// The flags of an answer to `answered` after a request of number 5 with `opcode` that offers `offered`.
std::uint32_t answer_flags(std::uint32_t opcode, std::uint32_t offered, std::uint64_t answered,
                           int times = 1) {
    InitAnswer mending;
    Request request;
    request.header.opcode = opcode;
    request.header.unique = 5;
    request.init.flags = offered;
    mending.requested(std::as_bytes(std::span(&request, 1)));
    fuse_init_out init{};
    for (int i = 0; i < times; ++i) {
        fuse_out_header header{sizeof(fuse_out_header) + sizeof init, 0, answered};
        init = {};
        init.flags = FUSE_BIG_WRITES;
        std::array<iovec, 2> pieces{iovec{&header, sizeof header}, iovec{&init, sizeof init}};
        mending.mend(pieces);
    }
    return init.flags;
}

TEST(InitAnswer, TakesParallelLookupsWhereTheKernelOffersThem) {
    EXPECT_EQ(answer_flags(FUSE_INIT, FUSE_PARALLEL_DIROPS | FUSE_POSIX_ACL, 5),
              FUSE_BIG_WRITES | FUSE_PARALLEL_DIROPS);
    EXPECT_EQ(answer_flags(FUSE_INIT, FUSE_POSIX_ACL, 5), std::uint32_t{FUSE_BIG_WRITES});
}

TEST(InitAnswer, AsksToBeToldOfAnAbortWhereTheKernelCan) {
    EXPECT_EQ(answer_flags(FUSE_INIT, FUSE_ABORT_ERROR | FUSE_POSIX_ACL | FUSE_HANDLE_KILLPRIV_V2, 5),
              FUSE_BIG_WRITES | FUSE_ABORT_ERROR);
}

TEST(InitAnswer, LeavesAllOtherAnswersAlone) {
    EXPECT_EQ(answer_flags(FUSE_GETATTR, FUSE_PARALLEL_DIROPS, 5), std::uint32_t{FUSE_BIG_WRITES});
    EXPECT_EQ(answer_flags(FUSE_INIT, FUSE_PARALLEL_DIROPS, 6), std::uint32_t{FUSE_BIG_WRITES});
    EXPECT_EQ(answer_flags(FUSE_INIT, FUSE_PARALLEL_DIROPS, 5, 2), std::uint32_t{FUSE_BIG_WRITES});  // once
}

TEST(InitAnswer, ToleratesShortOnes) {
    InitAnswer mending;
    const std::array<std::byte, 8> request{};
    mending.requested(request);
    Request init;
    init.header.opcode = FUSE_INIT;
    init.header.unique = 5;
    mending.requested(std::as_bytes(std::span(&init, 1)));
    fuse_out_header header{sizeof header, 0, 5};
    std::array<std::byte, 8> rest{};
    std::array<iovec, 2> pieces{iovec{&header, sizeof header}, iovec{rest.data(), rest.size()}};
    mending.mend(std::span(pieces).first(1));
    mending.mend(pieces);
    EXPECT_EQ(rest, (std::array<std::byte, 8>{}));
}

}  // namespace
}  // namespace demofs::fuse
