// The namespace operations, each a plain function: read what is there, decide, and apply one atomic change.
//
// All of them: a `Result` error means that nothing was changed; so does an exception (tree::NodeFault: load
// and call again with the same arguments; Error for damage and failed storage). A Reply and `effects` are
// only meaningful after success. Given the same tree and the same arguments they do the same: a journal can
// replay them.
//
// Threads: the core. SetAttributes is with the file contents (content/file_contents.hpp), since it may change
// a size.
#pragma once

#include <cstdint>

#include "demofs/base/result.hpp"
#include "demofs/fs/model/effects.hpp"
#include "demofs/fs/model/operations.hpp"
#include "demofs/fs/namespace/name_index.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::fs {

inline constexpr std::uint32_t max_links = 65'000;  // of an inode that is not a directory
inline constexpr std::size_t max_symlink_bytes = 4095;

struct Namespace {
    tree::Tree& tree;
    const NameIndex& names;
};

/// `number` is the new inode's number: fresh, and kept by the caller over repetitions.
Result<Attributes> apply(const Namespace& where, const Create& create, InodeNumber number, Effects& effects);
Result<Attributes> apply(const Namespace& where, const Link& link, Effects& effects);
Result<Nothing> apply(const Namespace& where, const Unlink& unlink, Effects& effects);
Result<Nothing> apply(const Namespace& where, const Rename& rename, Effects& effects);

}  // namespace demofs::fs
