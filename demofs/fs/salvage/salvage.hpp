// Takes every file out of a vault that can be read, also if its tree or its commits are lost.
//
// The headers of all blocks are read (block_search). From the nodes that can be read the tree is put
// together, newest first (entry_search): with a whole tree that is the newest commit. What names and extents
// still tell is believed; for content of which they tell nothing any more, the headers of its blocks say
// which file and which place in it a block is for, and the newest one counts. What cannot be read is replaced
// by the newest older block for the same place, or is a hole, and both are reported. Files without a name are
// `lost+found/inode-N`.
//
// What a session has written after the newest commit, if that is known to be the newest, changes no file that
// this commit has: only content that it does not know is taken. Blocks of one history only are put together
// (history.hpp). Reads the vault; writes to the output and nowhere else.
//
// Threads: the core thread, decrypting there. Memory: as found_blocks.hpp and found_entries.hpp say; content
// passes through a few MiB.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "demofs/base/types.hpp"
#include "demofs/crypto/keys.hpp"
#include "demofs/fs/salvage/salvage_output.hpp"
#include "demofs/store/object_store.hpp"
#include "demofs/tree/recovery.hpp"

namespace demofs::fs {

/// Bytes of a file that are not those of its newest state, or may not be.
struct SalvagedRange {
    enum class Kind : std::uint8_t {
        missing,    ///< written as zeros: lost, or never written where nothing tells that any more
        older,      ///< of an earlier commit: the newest ones cannot be read, or may be others
        by_header,  ///< nothing but the blocks' headers tells that they belong here
    };
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    Kind kind = Kind::missing;
    /// Of a commit attempt: missing: when they were written, 0 if that is unknown; else of what is in their
    /// place.
    Generation generation{0};

    friend bool operator==(const SalvagedRange&, const SalvagedRange&) = default;
};

/// A file that is not as it was, or not as it is certain to have been.
struct SalvagedFile {
    std::string path;  ///< below the output
    std::string what;  ///< half a sentence; empty: the ranges say it all
    std::vector<SalvagedRange> ranges;
    bool is_lost = false;  ///< nothing of it is there, only its name is known

    friend bool operator==(const SalvagedFile&, const SalvagedFile&) = default;
};

struct SalvageReport {
    std::vector<SalvagedFile> findings;  ///< by no means all files: only those with something to say
    std::vector<std::string> notes;      ///< sentences about the vault as a whole
    bool tree_is_whole = false;  ///< the newest commit was found, and all names and places of content in it
    Generation newest{0};        ///< the newest commit that anything was taken from
    std::string lost_folder;     ///< name of the folder for what has no name; empty: there is none

    std::uint64_t files = 0;  ///< with content, or empty; further names of one are links
    std::uint64_t directories = 0;
    std::uint64_t symlinks = 0;
    std::uint64_t links = 0;
    std::uint64_t specials = 0;
    std::uint64_t lost_files = 0;  ///< of which a name is known and nothing else
    std::uint64_t content_bytes = 0;
    std::uint64_t missing_bytes = 0;
    std::uint64_t older_bytes = 0;
    std::uint64_t by_header_bytes = 0;

    std::uint64_t stored_bytes = 0;
    std::uint64_t scanned_bytes = 0;
    std::uint64_t blocks = 0;
    std::uint64_t segments = 0;
    std::uint64_t unreadable_segments = 0;
    std::uint64_t damaged_bytes = 0;
    std::uint64_t lost_nodes = 0;
    std::uint64_t unknown_blocks = 0;

    /// Every file of the newest state is there as it was.
    [[nodiscard]] bool is_complete() const { return tree_is_whole && findings.empty(); }
    [[nodiscard]] bool is_empty() const { return files + directories + symlinks + links + specials == 0; }
};

struct SalvageSettings {
    /// The newest commit that is known to have been durable, from a memory outside of the vault. If it is not
    /// there, the newest one that is is not believed to be all.
    std::optional<tree::ReplicaVersion> known;
    std::optional<tree::HistoryId>
        history;  ///< of several, the one to take; none: that with the newest block
    std::function<void(const SalvageReport&)> on_progress;  ///< now and then, with what has been done so far
};

/// Salvages what `store` holds into `output`, which is empty. Damage of any kind is part of the report.
/// Throws the output's error (what was written until then stays there), std::errc::invalid_argument if there
/// is no history as the settings ask for, and the store's error if it cannot even be listed. All arguments
/// must outlive the call.
[[nodiscard]] boost::asio::awaitable<SalvageReport> salvage(store::ObjectStore& store,
                                                            const crypto::VaultKeys& keys,
                                                            SalvageOutput& output, SalvageSettings settings);

}  // namespace demofs::fs
