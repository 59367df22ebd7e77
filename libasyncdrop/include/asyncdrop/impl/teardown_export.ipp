// A report in the languages of other programs; see teardown_export.hpp.
#pragma once

#include <algorithm>
#include <asyncdrop/detail/teardown_text.hpp>
#include <asyncdrop/teardown_export.hpp>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace asyncdrop {

namespace detail {

// The length of the UTF-8 sequence at the begin of `text`, 0 if there is none.
inline std::size_t utf8_length(std::string_view text) noexcept {
    const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xC0) != 0x80) return 0;
    }
    // Overlong forms, surrogates, and what is above U+10FFFF.
    if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
    if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
    return length;
}

// A string literal of JSON, which is one of Graphviz, too, if nothing but quote and backslash is special.
inline std::string text_literal(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const char first = text.front();
        if (length == 0) {
            out += "\xEF\xBF\xBD";
        } else if (first == '"' || first == '\\') {
            (out += '\\') += first;
        } else if (first == '\n') {
            out += "\\n";
        } else if (static_cast<unsigned char>(first) < 0x20 || first == 0x7F) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(first));
            out += escape;
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out += '"';
}

inline std::string list_literal(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const std::string& text : texts) out += (out.size() > 1 ? "," : "") + text_literal(text);
    return out += ']';
}

inline std::string microseconds(std::chrono::steady_clock::duration duration) {
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
    char text[48];
    std::snprintf(text, sizeof text, "%.3f", static_cast<double>(nanoseconds) / 1e3);
    return text;
}

inline std::string since(TeardownReport::Time begin, const std::optional<TeardownReport::Time>& time) {
    return time ? microseconds(*time - begin) : "null";
}

// Places nodes in rows such that those of one row do not overlap in time.
inline std::vector<std::size_t> trace_rows(const TeardownReport& report) {
    std::vector<const NodeReport*> order;
    for (const NodeReport& node : report.nodes) order.push_back(&node);
    std::sort(order.begin(), order.end(), [](const NodeReport* a, const NodeReport* b) {
        return std::pair(a->started, a) < std::pair(b->started, b);
    });
    std::vector<std::size_t> rows(report.nodes.size(), 0);
    std::vector<TeardownReport::Time> busy_until;
    for (const NodeReport* node : order) {
        if (!node->started) continue;
        std::size_t row = 0;
        while (row < busy_until.size() && busy_until[row] > *node->started) ++row;
        if (row == busy_until.size()) busy_until.emplace_back();
        busy_until[row] = node->ended.value_or(report.ended);
        rows[static_cast<std::size_t>(node - report.nodes.data())] = row + 1;
    }
    return rows;
}

}  // namespace detail

ASYNCDROP_DECL std::string to_json(const TeardownReport& report) {
    std::string out = "{\"duration_us\":" + detail::microseconds(report.ended - report.started) +
                      ",\"ok\":" + (report.ok() ? "true" : "false") + ",\"nodes\":[";
    std::string separator;
    for (const NodeReport& node : report.nodes) {
        out += separator + "{\"name\":" + detail::text_literal(node.name) +
               ",\"type\":" + detail::text_literal(node.type) +
               ",\"file\":" + detail::text_literal(node.site.file()) +
               ",\"line\":" + std::to_string(node.site.line()) +
               ",\"state\":" + detail::text_literal(to_string(node.state)) +
               ",\"started_us\":" + detail::since(report.started, node.started) +
               ",\"ended_us\":" + detail::since(report.started, node.ended) +
               ",\"cancelled_us\":" + detail::since(report.started, node.cancelled) +
               ",\"error\":" + (node.error ? detail::text_literal(node.error_text) : "null") +
               ",\"uses\":" + detail::list_literal(node.uses) +
               ",\"waited_for\":" + detail::list_literal(node.waited_for) + "}";
        separator = ",";
    }
    return out += "]}\n";
}

ASYNCDROP_DECL std::string to_chrome_trace(const TeardownReport& report) {
    std::string out =
        "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\","
        "\"args\":{\"name\":\"teardown\"}}";
    const std::vector<std::size_t> rows = detail::trace_rows(report);
    const auto event = [&out](std::string_view phase, std::size_t row,
                              const std::string& time) -> std::string& {
        out += ",{\"ph\":\"" + std::string(phase) + "\",\"pid\":1,\"tid\":" + std::to_string(row) +
               ",\"ts\":" + time;
        return out;
    };
    std::size_t arrow = 0;
    for (std::size_t index = 0; index < report.nodes.size(); ++index) {
        const NodeReport& node = report.nodes[index];
        if (!node.started) continue;
        const TeardownReport::Time ended = node.ended.value_or(report.ended);
        event("X", rows[index], detail::microseconds(*node.started - report.started)) +=
            ",\"dur\":" + detail::microseconds(ended - *node.started) +
            ",\"name\":" + detail::text_literal(node.name) +
            ",\"cat\":" + detail::text_literal(to_string(node.state)) +
            ",\"args\":{\"type\":" + detail::text_literal(node.type) +
            ",\"created\":" + detail::text_literal(detail::site_text(node.site)) +
            ",\"state\":" + detail::text_literal(to_string(node.state)) +
            ",\"error\":" + detail::text_literal(node.error_text) + "}}";
        if (node.cancelled) {
            event("i", rows[index], detail::microseconds(*node.cancelled - report.started)) +=
                ",\"s\":\"t\",\"name\":\"cancelled\"}";
        }
        for (const std::string& used : node.uses) {
            const NodeReport* const target = report.find(used);
            if (target == nullptr || !target->started) continue;
            const std::string id = ",\"cat\":\"uses\",\"name\":\"uses\",\"id\":" + std::to_string(++arrow);
            event("s", rows[index], detail::microseconds(ended - report.started)) += id + "}";
            event("f", rows[static_cast<std::size_t>(target - report.nodes.data())],
                  detail::microseconds(*target->started - report.started)) += id + ",\"bp\":\"e\"}";
        }
    }
    return out += "]}\n";
}

ASYNCDROP_DECL std::string to_graphviz(const TeardownReport& report) {
    std::string out = "digraph teardown {\n  node [shape=box, style=filled];\n";
    for (const NodeReport& node : report.nodes) {
        std::string label = node.name + "\n" + std::string(to_string(node.state));
        if (node.started && node.ended) label += ", " + detail::duration_text(*node.ended - *node.started);
        if (!node.error_text.empty()) label += "\n" + node.error_text;
        const char* const colour = node.state == NodeState::dropped     ? "palegreen"
                                   : node.state == NodeState::failed    ? "lightcoral"
                                   : node.state == NodeState::abandoned ? "orange"
                                                                        : "lightgrey";
        out += "  " + detail::text_literal(node.name) + " [label=" + detail::text_literal(label) +
               ", fillcolor=" + colour + "];\n";
    }
    for (const NodeReport& node : report.nodes) {
        for (const std::string& used : node.uses) {
            out += "  " + detail::text_literal(node.name) + " -> " + detail::text_literal(used) + ";\n";
        }
    }
    return out += "}\n";
}

}  // namespace asyncdrop
