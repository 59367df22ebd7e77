// The folder in which the daemons of one user have their control sockets: nobody else can make, replace or
// remove anything in it, so nobody else can keep a mount from coming up, or pose as its daemon.
//
// It is a folder "demofs" in the place that the system has for this: /run for root, $XDG_RUNTIME_DIR or
// /run/user/UID for others. Where there is none, it is a folder of a random name below /tmp, /var/tmp or, if
// neither can be written to, $TMPDIR: one of a predictable name could be taken by somebody else first. A
// process may see another environment than the daemon it looks for: whoever looks for a socket looks into all
// of them, and what depends on the environment comes last.
//
// Threads: any; plain system calls.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "demofs/store/file_descriptor.hpp"

namespace demofs::app {

/// Where to look; of() says what the system has, tests say something else.
struct RuntimePlaces {
    uid_t user = 0;                   ///< whose the folders must be
    std::vector<std::string> own;     ///< folders that only the user can change, best first
    std::vector<std::string> shared;  ///< folders that others can write to, too, best first

    static RuntimePlaces of(uid_t user);
};

/// A folder of the user's with mode 0700, open: checked once, it stays the one that was checked.
class RuntimeFolder {
  public:
    RuntimeFolder(store::FileDescriptor opened, std::string path)
        : descriptor_(std::move(opened)), path_(std::move(path)) {}

    int descriptor() const noexcept { return descriptor_.get(); }
    /// A path of the entry `name` that is short enough for a socket's address, and valid while this lives.
    std::string path_of(const std::string& name) const;
    std::vector<std::string> entries() const;
    /// Waits until no other process has it locked; false: it has been removed meanwhile. Each keeps it for a moment
    /// only, unless it is stopped just then: throws Error(std::errc::timed_out) after `patience`.
    [[nodiscard]] bool lock(std::chrono::milliseconds patience = std::chrono::seconds(10)) const;
    void unlock() const;
    /// Only while it is locked: the folder goes away if nothing is in it.
    void remove_if_empty() const;

  private:
    store::FileDescriptor descriptor_;
    std::string path_;
};

/// All folders that are there, best first.
std::vector<RuntimeFolder> runtime_folders(const RuntimePlaces& places);

/// The best one, made if it is not there. Throws Error if none can be made.
[[nodiscard]] RuntimeFolder make_runtime_folder(const RuntimePlaces& places);

}  // namespace demofs::app
