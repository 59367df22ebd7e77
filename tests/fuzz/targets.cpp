#include "tests/fuzz/targets.hpp"

#include <algorithm>
#include <string>

#include "demofs/base/error.hpp"
#include "demofs/base/invariant.hpp"
#include "demofs/block/block_codec.hpp"
#include "demofs/crypto/vault_config.hpp"
#include "demofs/fs/records/dirent_record.hpp"
#include "demofs/fs/records/extent_record.hpp"
#include "demofs/fs/records/inode_record.hpp"
#include "demofs/fs/records/orphan_record.hpp"
#include "demofs/tree/commit_record.hpp"
#include "demofs/tree/node_codec.hpp"

namespace demofs::fuzz {

namespace {

void expect_same(ByteSpan encoded, ByteSpan input) {
    invariant(std::ranges::equal(encoded, input), "What was decoded encodes to the same bytes.");
}

// Any exception but those that a decoder has leaves this function, and the process.
template <class Decode>
bool decodes(const Decode& decode) {
    try {
        decode();
        return true;
    } catch (const Error& error) {
        for (const Errc refusal : {Errc::corrupt, Errc::unsupported_format, Errc::not_a_vault}) {
            if (error.code() == make_error_code(refusal)) return false;
        }
        throw;
    }
}

bool node(ByteSpan input) {
    return decodes([&] {
        tree::NodeTally tally;
        const tree::NodePtr decoded = tree::decode_node(input, tally);
        const SharedBytes encoded = tree::encode_node(*decoded);
        expect_same(encoded, input);
    });
}

// Sections that are not known are not written again: what was decoded once has to survive from then on.
bool commit_record(ByteSpan input) {
    return decodes([&] {
        const tree::CommitRecord decoded = tree::decode_commit_record(input);
        const SharedBytes once = tree::encode_commit_record(decoded);
        const SharedBytes twice = tree::encode_commit_record(tree::decode_commit_record(once));
        expect_same(twice, once);
    });
}

bool seal(ByteSpan input) {
    return decodes([&] { static_cast<void>(block::decode_seal_record(input)); });
}

bool inode(ByteSpan input) {
    return decodes([&] { expect_same(fs::encode(fs::decode_inode_record(input)), input); });
}

bool dirent(ByteSpan input) {
    return decodes([&] { expect_same(fs::encode(fs::decode_dirent_record(input)), input); });
}

bool extent(ByteSpan input) {
    return decodes([&] { expect_same(fs::encode(fs::decode_extent_record(input)), input); });
}

bool orphan(ByteSpan input) {
    return decodes([&] { expect_same(fs::encode(fs::decode_orphan_record(input)), input); });
}

bool vault_config(ByteSpan input) {
    return decodes([&] {
        const std::string text(as_text(input));
        const crypto::VaultConfig decoded = crypto::from_json(text);
        invariant(crypto::from_json(crypto::to_json(decoded)) == decoded, "A configuration survives.");
    });
}

}  // namespace

const std::vector<Target>& targets() {
    static const std::vector<Target> all{{"node", node},     {"commit_record", commit_record},
                                         {"seal", seal},     {"inode", inode},
                                         {"dirent", dirent}, {"extent", extent},
                                         {"orphan", orphan}, {"vault_config", vault_config}};
    return all;
}

}  // namespace demofs::fuzz
