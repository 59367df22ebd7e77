// Every operation of the filesystem as a plain value: what was asked, with the time and the identity of the
// caller inside, so that it can be run again (after a NodeFault, or later by a journal) with the same result.
// `Reply` is what a successful run returns. Permission checks by mode are the kernel's (default_permissions).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/base/types.hpp"
#include "demofs/fs/model/attributes.hpp"

namespace demofs::fs {

struct Nothing {};

// --- reading -------------------------------------------------------------------------------------

/// The entry `name` of a directory. ENOENT, ENOTDIR.
struct Lookup {
    using Reply = Attributes;
    InodeNumber parent{};
    std::string name;
};

struct GetAttributes {
    using Reply = Attributes;
    InodeNumber inode{};
};

struct ReadLink {
    using Reply = std::string;
    InodeNumber inode{};
};

struct DirectoryEntry {
    std::string name;
    InodeNumber inode{};
    std::uint32_t mode = 0;    ///< the S_IFMT bits
    std::uint64_t cookie = 0;  ///< for ReadDirectory::after, to go on behind this entry; stable for its life
    Attributes attributes;     ///< filled only if asked for
};

/// Entries with a cookie > `after` in cookie order, at most `limit`; "." and ".." are the two first (cookies
/// 1 and 2 are theirs: real cookies are larger). An entry that exists during the whole listing is listed
/// exactly once.
struct ReadDirectory {
    using Reply = std::vector<DirectoryEntry>;
    InodeNumber directory{};
    std::uint64_t after = 0;
    std::size_t limit = 0;
    bool with_attributes = false;
};

struct FilesystemSpace {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;  ///< outside the reserve
    std::uint64_t inodes = 0;
};

// --- changing ------------------------------------------------------------------------------------

/// Makes an entry and its inode: file, directory, symlink, FIFO, socket or device, by the S_IFMT bits of
/// `mode`. EEXIST, ENOENT (parent removed), ENOTDIR, ENAMETOOLONG (255 bytes), ENOSPC.
struct Create {
    using Reply = Attributes;
    InodeNumber parent{};
    std::string name;
    std::uint32_t mode = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t device = 0;
    std::string target;  ///< of a symlink
    Timestamp now;
};

/// Another name for an inode that is not a directory. EMLINK, EPERM (directory).
struct Link {
    using Reply = Attributes;
    InodeNumber inode{};
    InodeNumber parent{};
    std::string name;
    Timestamp now;
};

/// unlink(2), or rmdir(2) of an empty directory. The inode lives on while it is open or known to the kernel.
/// ENOTEMPTY, EISDIR, ENOTDIR.
struct Unlink {
    using Reply = Nothing;
    enum class Of : std::uint8_t { file, directory };  ///< file: anything but a directory

    InodeNumber parent{};
    std::string name;
    Of of = Of::file;
    Timestamp now;
};

/// rename(2) with all its cases, renameat2's NOREPLACE and EXCHANGE among them. ENOTEMPTY, EISDIR, ENOTDIR,
/// EINVAL (into its own descendant), EEXIST (no_replace), ENOENT.
struct Rename {
    using Reply = Nothing;
    InodeNumber old_parent{};
    std::string old_name;
    InodeNumber new_parent{};
    std::string new_name;
    bool no_replace = false;
    bool exchange = false;
    Timestamp now;
};

/// chmod, chown, utimens, truncate: the fields whose flag is set.
struct SetAttributes {
    using Reply = Attributes;
    InodeNumber inode{};
    bool set_mode = false, set_uid = false, set_gid = false, set_size = false;
    bool set_accessed = false, set_modified = false, set_changed = false;
    std::uint32_t mode = 0;  ///< permission bits; the type stays
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint64_t size_bytes = 0;
    Timestamp accessed, modified, changed;
    Timestamp now;  ///< ctime, and mtime when the size is set
};

}  // namespace demofs::fs
