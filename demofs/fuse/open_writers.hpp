// Which files are open for writing, and which of them may have pages that only the kernel has.
//
// With its writeback cache the kernel takes a write(2) without telling the daemon. It sends the pages when the
// file is closed, when they are old (half a minute), or when the daemon asks it to let go of them. To ask for
// the pages of every file that is open would throw away the cache of files that are only read; so the kernel's
// own requests tell: the first write after its pages were asked for makes the kernel ask for the attributes
// (asking has made those it had invalid), and what it writes back comes as WRITE. Only writes through a memory
// mapping give no sign before that.
//
// With that cache the kernel keeps size and times itself, but goes on with the number of blocks that it was
// told last, until the file is closed: 0 for a new one. After a sync it is let know that they are others.
//
// Threads: the core. Plain memory.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/fs/handles/handle_id.hpp"

namespace demofs::fuse {

class OpenWriters {
  public:
    void opened(fs::HandleId handle, InodeNumber inode);
    /// close(2) of one of the handle's descriptors: the kernel has sent all pages before it.
    void flushed(fs::HandleId handle);
    void released(fs::HandleId handle);

    /// The kernel asked for the inode's attributes, or wrote some of it back: there may be more to come.
    void active(InodeNumber inode);

    /// A sync has ended with that many bytes allocated: whether the kernel may have another number. Content only
    /// adds to them, so a number that was right at a sync and is right at the next was so in between.
    bool allocation_changed(InodeNumber inode, std::uint64_t allocated_bytes);
    /// The file was cut: what the kernel knows is not known.
    void cut(InodeNumber inode);

    /// The files that may have been written since their pages were asked for.
    std::vector<InodeNumber> active_files() const;
    /// All that are open for writing.
    std::vector<InodeNumber> files() const;
    /// The pages of all active files are being asked for.
    void asked();

    /// The connection has ended: files whose last pages may never have come. `unmounted`: in the usual way, in
    /// which every file was closed first.
    std::vector<InodeNumber> cut_off(bool unmounted) const;

  private:
    struct Handle {
        InodeNumber inode{};
        bool flushed = false;
    };
    struct File {
        std::size_t handles = 0;
        bool active = true;
        std::optional<std::uint64_t> allocated_bytes;  // at the last sync
    };

    std::unordered_map<fs::HandleId, Handle> handles_;
    std::unordered_map<InodeNumber, File> files_;
};

}  // namespace demofs::fuse
