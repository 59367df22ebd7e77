// The outcome of a teardown, as data and as text.
//
// Threads: a plain value; a TeardownGraph gives every caller of run() its own copy.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace asyncdrop {

/// How far a node's cleanup came.
enum class NodeState {
    waiting,    ///< its cleanup has not begun
    dropping,   ///< its cleanup runs
    dropped,    ///< cleaned up without an error
    failed,     ///< cleaned up with an error; the resource is gone all the same
    abandoned,  ///< its cleanup had begun and nobody waits for it any more
    skipped,    ///< never cleaned up, because something that uses it was abandoned
};

/// A short word for a state.
constexpr std::string_view to_string(NodeState state) noexcept {
    switch (state) {
        case NodeState::waiting:
            return "waiting";
        case NodeState::dropping:
            return "dropping";
        case NodeState::dropped:
            return "dropped";
        case NodeState::failed:
            return "failed";
        case NodeState::abandoned:
            return "abandoned";
        case NodeState::skipped:
            return "skipped";
    }
    return "unknown";
}

/// One node of a teardown.
struct NodeReport {
    /// A point in time.
    using Time = std::chrono::steady_clock::time_point;

    std::string name;                      ///< the node's name, unique in its graph
    std::string type;                      ///< the type of the resource, empty for a task
    CreationSite site;                     ///< where the resource was made, or the task added
    NodeState state = NodeState::waiting;  ///< how far its cleanup came
    std::optional<Time> started;           ///< when its cleanup began; none if it was skipped
    std::optional<Time> ended;      ///< when its cleanup ended or was abandoned; none if it was skipped
    std::optional<Time> cancelled;  ///< when its cleanup was cancelled by its deadline; none if it was not
    std::exception_ptr error;       ///< of a failed or abandoned node, else null
    std::string error_text;         ///< what the error says, empty without one
    std::vector<std::string> uses;  ///< what it was allowed to use while it was cleaned up
    std::vector<std::string> waited_for;  ///< its users, which had to be gone before it
};

/// The outcome of a whole teardown.
struct TeardownReport {
    /// A point in time.
    using Time = NodeReport::Time;

    std::vector<NodeReport> nodes;  ///< in the order in which they were added
    Time started;                   ///< when the teardown began
    Time ended;                     ///< when the last node had ended

    /// Whether every node was dropped without an error.
    [[nodiscard]] bool ok() const noexcept;

    /// How many nodes ended in `state`.
    [[nodiscard]] std::size_t count(NodeState state) const noexcept;

    /// The node of that name, null if there is none.
    [[nodiscard]] const NodeReport* find(std::string_view name) const noexcept;

    /// The nodes with an error, in the order in which the errors happened.
    [[nodiscard]] std::vector<const NodeReport*> failures() const;

    /// The error that happened first, null if there was none.
    [[nodiscard]] std::exception_ptr first_error() const;

    /// A tree in UTF-8, users above what they use, several lines each ended by '\n'. A node with several
    /// users is shown in full under the first of them.
    [[nodiscard]] std::string to_text() const;
};

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/teardown_report.ipp>
#endif
