// A tree node's stored form (docs/on-disk-format.md, "Tree").
#pragma once

#include "demofs/base/bytes.hpp"
#include "demofs/tree/node.hpp"

namespace demofs::tree {

/// The node as it is stored; every child must have an address.
SharedBytes encode_node(const Node& node);

/// The node that `payload` describes, without an address; children are not in memory. Throws
/// Error(Errc::corrupt) for anything that encode_node does not produce (keys out of order, sizes that do not add
/// up), and Error(Errc::unsupported_format) for a node format or a kind of entry of a newer version.
NodePtr decode_node(ByteSpan payload, NodeTally& tally);

}  // namespace demofs::tree
