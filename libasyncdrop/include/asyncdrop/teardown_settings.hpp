// How a TeardownGraph behaves when cleanups are slow: it warns, cancels, abandons. Each of these deadlines
// can be set for a single node, too, with the options warn_after, cancel_after and abandon_after of add().
//
// Threads: a plain value. The sink is called from threads that run the teardown, one call at a time.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

namespace asyncdrop {

/// Deadlines, concurrency and the sink of a TeardownGraph.
class TeardownSettings {
  public:
    /// A span of the steady clock; its max() means never, as no deadline does.
    using Duration = std::chrono::steady_clock::duration;

    /// Every time a node has kept the teardown waiting for so long again, `sink` gets a sentence about it.
    /// None: never.
    std::optional<Duration> warn_after = std::chrono::seconds(5);

    /// A node whose cleanup takes longer is cancelled: the cleanup itself sees the cancellation, as it sees
    /// none otherwise, and is waited for all the same. For cleanups that are written for it: what they must
    /// do nevertheless they do behind even_if_cancelled. None: no cleanup is cancelled.
    std::optional<Duration> cancel_after;

    /// A node whose cleanup takes longer is abandoned: nobody waits for it any more, what it uses (directly
    /// or through others) is never dropped, independent branches go on. None: every cleanup is waited for.
    std::optional<Duration> abandon_after;

    /// How many cleanups may run at the same time; at least one does. The deadlines above count from the
    /// start of a node's own cleanup: with more slow nodes than this, the teardown takes them several times
    /// over.
    std::size_t max_concurrent = 64;

    /// Receives a sentence about each node that takes long, "still dropping flusher, 5.0 s, created at main.cpp:12",
    /// and about each that waits for others, "store waits to be dropped, 5.0 s, created at main.cpp:10, for:
    /// block_cache; being dropped: flusher". What it throws is ignored.
    std::function<void(std::string_view sentence)> sink;

    /// The defaults; the sink's is the library's message sink.
    TeardownSettings();
};

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/teardown_settings.ipp>
#endif
