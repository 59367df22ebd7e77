// The kept inputs of the fuzzer, and all that is near them: each bit flipped, each length cut, each one made longer.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/targets.hpp"

namespace demofs::fuzz {
namespace {

namespace files = std::filesystem;

Bytes bytes_of(const files::path& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const ByteSpan bytes = as_bytes(text);
    return Bytes(bytes.begin(), bytes.end());
}

class Corpus : public testing::TestWithParam<std::size_t> {};

TEST_P(Corpus, IsDecodedOrRefused) {
    const Target& target = targets()[GetParam()];
    std::size_t inputs = 0, decoded = 0;
    for (const auto& entry : files::directory_iterator(files::path(FUZZ_CORPUS) / target.name)) {
        const Bytes input = bytes_of(entry.path());
        ++inputs;
        decoded += target.run(input) ? 1 : 0;
        for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
            Bytes flipped = input;
            flipped[bit / 8] ^= std::byte(1 << bit % 8);
            target.run(flipped);
        }
        for (std::size_t size = 0; size < input.size(); ++size) target.run(ByteSpan(input).first(size));
        Bytes longer = input;
        longer.push_back(std::byte{0});
        target.run(longer);
    }
    EXPECT_GT(inputs, 0u);
    EXPECT_GT(decoded, 0u) << "none of them is one that a writer makes";
}

INSTANTIATE_TEST_SUITE_P(Targets, Corpus, testing::Range(std::size_t{0}, targets().size()),
                         [](const auto& tested) { return std::string(targets()[tested.param].name); });

}  // namespace
}  // namespace demofs::fuzz
