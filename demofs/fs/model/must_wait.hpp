// Thrown inside a synchronous operation that cannot go on for a reason other than a missing node (that is
// tree::NodeFault). Nothing has been changed. Filesystem::try_run declines then; Filesystem::run satisfies
// the reason and runs the operation again.
#pragma once

#include <cstdint>
#include <exception>

namespace demofs::fs {

struct MustWait : std::exception {
    enum class Reason : std::uint8_t {
        numbers,  ///< a commit has to reserve fresh inode numbers
        trim,   ///< extents beyond the end of the file `number` (a data id) have to be freed before it grows
        space,  ///< the store's free space has to be asked for again
    };

    explicit MustWait(Reason why, std::uint64_t what = 0) : reason(why), number(what) {}
    const char* what() const noexcept override { return "the operation has to wait"; }

    Reason reason;
    std::uint64_t number;
};

}  // namespace demofs::fs
