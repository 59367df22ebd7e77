// A TeardownReport for other programs: as JSON, as a Chrome trace, and as a Graphviz graph.
//
// Optional: nothing else in the library includes this. All times are in microseconds since the begin of the
// teardown. The texts are UTF-8; bytes in names and messages that are not UTF-8 are replaced by U+FFFD.
//
// Threads: pure functions.
#pragma once

#include <asyncdrop/detail/linkage.hpp>
#include <asyncdrop/teardown_report.hpp>
#include <string>

namespace asyncdrop {

/// The whole report as one JSON object, ended by '\n':
///
///     {"duration_us": number, "ok": boolean, "nodes": [
///         {"name", "type", "file": text, "line": number, "state": text as of to_string(NodeState),
///          "started_us", "ended_us", "cancelled_us": number or null, "error": text or null,
///          "uses", "waited_for": [names]}, ...]}
///
/// A time is null if the event did not happen: a node that was skipped has neither started nor ended.
[[nodiscard]] std::string to_json(const TeardownReport& report);

/// The report in Chrome's trace event format, for chrome://tracing or Perfetto: one slice for each cleanup,
/// cleanups that overlapped on rows of their own, and an arrow from each cleanup to what it had kept waiting.
[[nodiscard]] std::string to_chrome_trace(const TeardownReport& report);

/// The graph in Graphviz' language, an arrow from each user to what it uses; colours tell the states.
[[nodiscard]] std::string to_graphviz(const TeardownReport& report);

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/teardown_export.ipp>
#endif
