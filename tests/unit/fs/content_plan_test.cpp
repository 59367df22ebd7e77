#include "demofs/fs/salvage/content_plan.hpp"

#include <gmock/gmock.h>

#include <random>

namespace demofs::fs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ContentSource source(std::uint64_t begin, std::uint64_t bytes, std::uint64_t time = 1,
                     bool by_header = true) {
    ContentSource made;
    made.begin = begin;
    made.run.length_bytes = bytes;
    made.time = Generation{time};
    made.by_header = by_header;
    return made;
}

TEST(ContentPlan, TheLastOfTheListCounts) {
    EXPECT_THAT(lay_over({}), IsEmpty());
    EXPECT_THAT(lay_over({source(0, 100), source(40, 20)}),
                ElementsAre(ContentPart{0, 40, 0}, ContentPart{40, 60, 1}, ContentPart{60, 100, 0}));
    EXPECT_THAT(lay_over({source(40, 20), source(0, 100)}), ElementsAre(ContentPart{0, 100, 1}));
    EXPECT_THAT(lay_over({source(0, 10), source(20, 10), source(5, 20)}),
                ElementsAre(ContentPart{0, 5, 0}, ContentPart{5, 25, 2}, ContentPart{25, 30, 1}));
}

TEST(ContentPlan, AgreesWithAnArrayOfBytes) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (int round = 0; round < 500; ++round) {
        std::vector<ContentSource> sources;
        std::vector<int> model(80, -1);
        for (int i = 0; i < 10; ++i) {
            sources.push_back(source(random() % 50, random() % 25 + 1));
            for (std::uint64_t at = sources.back().begin; at < sources.back().end(); ++at) model[at] = i;
        }
        std::vector<int> laid(80, -1);
        std::uint64_t end = 0;
        for (const ContentPart& part : lay_over(sources)) {
            ASSERT_GE(part.begin, end);
            ASSERT_LT(part.begin, part.end);
            end = part.end;
            for (std::uint64_t at = part.begin; at < part.end; ++at) laid[at] = static_cast<int>(part.source);
        }
        ASSERT_EQ(laid, model);
    }
}

TEST(ContentPlan, AnExtentLiesOverTheBlocksOfItsTimeAndUnderNewerOnes) {
    std::vector<ContentSource> sources{source(3, 1, 8), source(1, 1, 7, false), source(0, 1, 7),
                                       source(2, 1, 6)};
    sources.push_back(source(4, 1, 7));
    sources[2].run.segment.sequence = 2;
    sources[2].run.first_block = 200;
    sources[4].run.segment.sequence = 2;
    sources[4].run.first_block = 100;
    sort_by_time(sources);
    std::vector<std::uint64_t> order;
    for (const ContentSource& one : sources) order.push_back(one.begin);
    EXPECT_THAT(order, ElementsAre(2, 4, 0, 1, 3));
}

}  // namespace
}  // namespace demofs::fs
