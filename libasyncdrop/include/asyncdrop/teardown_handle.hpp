// The small values one talks to a TeardownGraph with: handles, and the options of add().
//
// Threads: plain values.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/saturated.hpp>
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

/// A node of some TeardownGraph, whatever is in it; made by the graph only, so an unknown node cannot be
/// named. A handle does not keep anything alive.
class AnyNodeHandle {
  public:
    /// A handle of no node.
    AnyNodeHandle() noexcept = default;

    friend bool operator==(const AnyNodeHandle&, const AnyNodeHandle&) noexcept = default;

  protected:
    AnyNodeHandle(std::uint64_t graph, std::size_t index) noexcept : graph_(graph), index_(index) {}

  private:
    friend class TeardownGraph;

    std::uint64_t graph_ = 0;  // its number, which no other graph ever gets; 0: none
    std::size_t index_ = 0;
};

/// A node with a T in it; T is void for a task.
template <class T>
class NodeHandle : public AnyNodeHandle {
  public:
    NodeHandle() noexcept = default;

  private:
    friend class TeardownGraph;
    NodeHandle(std::uint64_t graph, std::size_t index) noexcept : AnyNodeHandle(graph, index) {}
};

/// The name of a node, and the place where it was given.
class NodeName {
  public:
    /// Converts from any text; file and line are those of the call.
    template <std::convertible_to<std::string_view> Text>
    NodeName(const Text& text, const char* file = __builtin_FILE(),  // NOLINT: implicit on purpose
             std::uint32_t line = __builtin_LINE())
        : text_(std::string_view(text)), site_(file, line) {}

    /// The text, valid as long as this.
    const std::string& text() const noexcept { return text_; }
    /// The text, moved out: for the graph, which keeps it.
    std::string take_text() && noexcept { return std::move(text_); }
    /// Where the name was given.
    CreationSite site() const noexcept { return site_; }

  private:
    std::string text_;
    CreationSite site_;
};

/// Option of add(): which nodes the new one uses; made by uses().
class NodeUses {
  public:
    /// Handles of one graph; use uses() instead.
    explicit NodeUses(std::vector<AnyNodeHandle> handles) noexcept : handles_(std::move(handles)) {}
    /// The nodes that are cleaned up after the new one.
    const std::vector<AnyNodeHandle>& handles() const noexcept { return handles_; }

  private:
    std::vector<AnyNodeHandle> handles_;
};

/// The new node uses these nodes: it is cleaned up before any of them.
template <std::derived_from<AnyNodeHandle>... Handles>
[[nodiscard]] NodeUses uses(const Handles&... handles) {
    return NodeUses(std::vector<AnyNodeHandle>{static_cast<const AnyNodeHandle&>(handles)...});
}

/// Option of add(): where the cleanup runs; made by on().
class NodeExecutor {
  public:
    /// Use on() instead.
    explicit NodeExecutor(boost::asio::any_io_executor executor) noexcept : executor_(std::move(executor)) {}
    /// The executor that the cleanup is started on.
    const boost::asio::any_io_executor& executor() const noexcept { return executor_; }

  private:
    boost::asio::any_io_executor executor_;
};

/// The new node's cleanup runs on this executor, whose context must be running until the teardown has ended.
template <std::convertible_to<boost::asio::any_io_executor> Executor>
[[nodiscard]] NodeExecutor on(const Executor& executor) {
    return NodeExecutor(boost::asio::any_io_executor(executor));
}

/// Option of add(): a deadline for this node instead of the one in TeardownSettings; made by the functions
/// below. It counts from the begin of the node's cleanup; before that, warnings count from the begin of the
/// teardown.
class Deadline {
  public:
    /// A span of the steady clock; its max() means never.
    using Duration = std::chrono::steady_clock::duration;
    /// The three steps, in the order in which they are mostly taken.
    enum class Kind { warn, cancel, abandon };

    /// Use warn_after(), cancel_after() and abandon_after() instead.
    Deadline(Kind kind, Duration duration) noexcept : kind_(kind), duration_(duration) {}
    /// The step that is taken when the time is over.
    Kind kind() const noexcept { return kind_; }
    /// The time that the cleanup has before the step.
    Duration duration() const noexcept { return duration_; }

  private:
    Kind kind_;
    Duration duration_;
};

/// Says so, again and again, when the cleanup takes longer: TeardownSettings::warn_after of one node.
template <class Rep, class Period>
[[nodiscard]] Deadline warn_after(std::chrono::duration<Rep, Period> duration) noexcept {
    return Deadline(Deadline::Kind::warn, detail::saturated(duration));
}

/// Cancels the cleanup when it takes longer, and waits for it: TeardownSettings::cancel_after of one node.
template <class Rep, class Period>
[[nodiscard]] Deadline cancel_after(std::chrono::duration<Rep, Period> duration) noexcept {
    return Deadline(Deadline::Kind::cancel, detail::saturated(duration));
}

/// Abandons the cleanup when it takes longer: TeardownSettings::abandon_after of one node.
template <class Rep, class Period>
[[nodiscard]] Deadline abandon_after(std::chrono::duration<Rep, Period> duration) noexcept {
    return Deadline(Deadline::Kind::abandon, detail::saturated(duration));
}

}  // namespace asyncdrop
