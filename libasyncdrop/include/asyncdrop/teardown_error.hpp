// What a TeardownGraph refuses, and what it records about a node that did not end by itself.
//
// Threads: a plain value.
#pragma once

#include <stdexcept>
#include <string>

namespace asyncdrop {

/// Why a TeardownGraph refused a call, or why a node's cleanup has no result.
enum class TeardownErrc {
    duplicate_name,    ///< another node has this name
    cycle,             ///< the edge would close a cycle
    closed,            ///< the teardown has begun
    empty_guard,       ///< the guard holds no live resource
    unknown_node,      ///< the handle is empty, of another graph, or of a node that was released
    in_use,            ///< other nodes use this one
    wrong_owner,       ///< the node is not owned by the kind of guard that was asked for
    already_dropped,   ///< the node's cleanup has begun
    run_from_cleanup,  ///< run() was awaited by a cleanup of the same graph, which it would wait for
    abandoned,         ///< the cleanup took longer than its abandon_after
    already_borrowed,  ///< the guard is a borrowed node already, of this graph or another
    context_lost,      ///< the execution context of the cleanup was destroyed before it ended
};

/// A TeardownGraph's own error. After a refused call nothing has changed: a guard that was passed in is still
/// its caller's.
class TeardownError : public std::runtime_error {
  public:
    /// `sentence` is what() says.
    TeardownError(TeardownErrc code, const std::string& sentence)
        : std::runtime_error(sentence), code_(code) {}

    /// What was refused, or happened.
    [[nodiscard]] TeardownErrc code() const noexcept { return code_; }

  private:
    TeardownErrc code_;
};

}  // namespace asyncdrop
