// The small values one talks to a TeardownGraph with: handles, and the options of add().
//
// Threads: plain values.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asyncdrop {

/// A node of some TeardownGraph; made by the graph only, so an unknown node cannot be named. A handle does
/// not keep anything alive.
class Handle {
  public:
    /// A handle of no node.
    Handle() noexcept = default;

    friend bool operator==(const Handle&, const Handle&) noexcept = default;

  protected:
    Handle(const void* graph, std::size_t index) noexcept : graph_(graph), index_(index) {}

  private:
    friend class TeardownGraph;

    const void* graph_ = nullptr;
    std::size_t index_ = 0;
};

/// A node with a T in it; T is void for a task.
template <class T>
class NodeHandle : public Handle {
  public:
    NodeHandle() noexcept = default;

  private:
    friend class TeardownGraph;
    NodeHandle(const void* graph, std::size_t index) noexcept : Handle(graph, index) {}
};

/// The name of a node, and the place where it was given.
class NodeName {
  public:
    /// Converts from any text; file and line are those of the call.
    template <std::convertible_to<std::string_view> Text>
    NodeName(const Text& text, const char* file = __builtin_FILE(),  // NOLINT: implicit on purpose
             std::uint32_t line = __builtin_LINE())
        : text_(std::string_view(text)), site_(file, line) {}

    /// The name.
    const std::string& text() const noexcept { return text_; }
    /// The name, moved out.
    std::string take_text() && noexcept { return std::move(text_); }
    /// Where the name was given.
    CreationSite site() const noexcept { return site_; }

  private:
    std::string text_;
    CreationSite site_;
};

/// Option of add(): what the new node uses; made by uses().
class Uses {
  public:
    /// Made by uses().
    explicit Uses(std::vector<Handle> handles) noexcept : handles_(std::move(handles)) {}
    /// The used nodes.
    const std::vector<Handle>& handles() const noexcept { return handles_; }

  private:
    std::vector<Handle> handles_;
};

/// The new node uses these nodes: it is cleaned up before any of them.
template <std::derived_from<Handle>... Handles>
[[nodiscard]] Uses uses(const Handles&... handles) {
    return Uses(std::vector<Handle>{static_cast<const Handle&>(handles)...});
}

/// Option of add(): where the cleanup runs; made by on().
class On {
  public:
    /// Made by on().
    explicit On(boost::asio::any_io_executor executor) noexcept : executor_(std::move(executor)) {}
    /// Where the cleanup runs.
    const boost::asio::any_io_executor& executor() const noexcept { return executor_; }

  private:
    boost::asio::any_io_executor executor_;
};

/// The new node's cleanup runs on this executor, whose context must be running until the teardown has ended.
template <std::convertible_to<boost::asio::any_io_executor> Executor>
[[nodiscard]] On on(const Executor& executor) {
    return On(boost::asio::any_io_executor(executor));
}

/// Option of add(): a deadline for this node instead of the one in TeardownSettings; made by the functions
/// below. It counts from the begin of the node's cleanup; before that, warnings count from the begin of the
/// teardown.
class Deadline {
  public:
    /// How long.
    using Duration = std::chrono::steady_clock::duration;
    /// What happens when the time is over.
    enum class Kind { warn, cancel, abandon };

    /// Made by warn_after(), cancel_after() and abandon_after().
    Deadline(Kind kind, Duration duration) noexcept : kind_(kind), duration_(duration) {}
    /// What happens.
    Kind kind() const noexcept { return kind_; }
    /// After how long.
    Duration duration() const noexcept { return duration_; }

  private:
    Kind kind_;
    Duration duration_;
};

/// Says so, again and again, when the cleanup takes longer: TeardownSettings::soft_deadline of one node.
[[nodiscard]] inline Deadline warn_after(Deadline::Duration duration) noexcept {
    return Deadline(Deadline::Kind::warn, duration);
}

/// Cancels the cleanup when it takes longer, and waits for it: TeardownSettings::cancel_after of one node.
[[nodiscard]] inline Deadline cancel_after(Deadline::Duration duration) noexcept {
    return Deadline(Deadline::Kind::cancel, duration);
}

/// Abandons the cleanup when it takes longer: TeardownSettings::abandon_after of one node.
[[nodiscard]] inline Deadline abandon_after(Deadline::Duration duration) noexcept {
    return Deadline(Deadline::Kind::abandon, duration);
}

}  // namespace asyncdrop
