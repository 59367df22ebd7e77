// Questions to a report, and the report as a text tree; see teardown_report.hpp.
#pragma once

#include <algorithm>
#include <asyncdrop/detail/teardown_text.hpp>
#include <asyncdrop/teardown_report.hpp>
#include <unordered_map>
#include <utility>

namespace asyncdrop {

ASYNCDROP_DECL bool TeardownReport::ok() const noexcept {
    return std::all_of(nodes.begin(), nodes.end(),
                       [](const NodeReport& node) { return node.state == NodeState::dropped; });
}

ASYNCDROP_DECL std::size_t TeardownReport::count(NodeState state) const noexcept {
    return static_cast<std::size_t>(std::count_if(
        nodes.begin(), nodes.end(), [state](const NodeReport& node) { return node.state == state; }));
}

ASYNCDROP_DECL const NodeReport* TeardownReport::find(std::string_view name) const noexcept {
    const auto found = std::find_if(nodes.begin(), nodes.end(),
                                    [name](const NodeReport& node) { return node.name == name; });
    return found == nodes.end() ? nullptr : &*found;
}

ASYNCDROP_DECL std::vector<const NodeReport*> TeardownReport::failures() const {
    std::vector<const NodeReport*> failed;
    for (const NodeReport& node : nodes) {
        if (node.error) failed.push_back(&node);
    }
    std::sort(failed.begin(), failed.end(), [](const NodeReport* a, const NodeReport* b) {
        return std::pair(a->ended.value_or(Time{}), a) < std::pair(b->ended.value_or(Time{}), b);
    });
    return failed;
}

ASYNCDROP_DECL std::exception_ptr TeardownReport::first_error() const {
    const auto failed = failures();
    return failed.empty() ? nullptr : failed.front()->error;
}

namespace detail {

class ReportTree {
  public:
    explicit ReportTree(const TeardownReport& report) : report_(report), shown_(report.nodes.size(), false) {
        for (std::size_t index = 0; index < report.nodes.size(); ++index) {
            index_.emplace(report.nodes[index].name, index);
        }
    }

    std::string text() {
        out_ = "teardown of " + std::to_string(report_.nodes.size()) +
               (report_.nodes.size() == 1 ? " node in " : " nodes in ") +
               duration_text(report_.ended - report_.started) + counts() + "\n";
        std::vector<std::size_t> roots;
        for (std::size_t index = 0; index < report_.nodes.size(); ++index) {
            if (report_.nodes[index].waited_for.empty()) roots.push_back(index);
        }
        show_all(roots);
        return std::move(out_);
    }

  private:
    struct Pending {
        std::size_t node;
        std::string prefix;
        bool last;
    };

    std::string counts() const {
        std::string text;
        for (const NodeState state : {NodeState::dropped, NodeState::failed, NodeState::abandoned,
                                      NodeState::skipped, NodeState::dropping, NodeState::waiting}) {
            if (const std::size_t count = report_.count(state); count != 0) {
                text += (text.empty() ? ": " : ", ") + std::to_string(count) + " " +
                        std::string(to_string(state));
            }
        }
        return text;
    }

    // With a stack of its own: a chain of nodes may be longer than the thread's stack is deep.
    void show_all(const std::vector<std::size_t>& roots) {
        std::vector<Pending> pending;
        push(pending, roots, "");
        while (!pending.empty()) {
            const Pending next = std::move(pending.back());
            pending.pop_back();
            const NodeReport& node = report_.nodes[next.node];
            out_ += next.prefix + (next.last ? "└─ " : "├─ ") + node.name;
            if (shown_[next.node]) {
                out_ += " (see above)\n";
                continue;
            }
            shown_[next.node] = true;
            out_ += ": " + outcome(node) + "\n";
            std::vector<std::size_t> children;
            for (const std::string& used : node.uses) children.push_back(index_.at(used));
            push(pending, children, next.prefix + (next.last ? "   " : "│  "));
        }
    }

    static void push(std::vector<Pending>& pending, const std::vector<std::size_t>& nodes,
                     const std::string& prefix) {
        for (std::size_t at = nodes.size(); at-- > 0;) {
            pending.push_back(Pending{nodes[at], prefix, at + 1 == nodes.size()});
        }
    }

    std::string outcome(const NodeReport& node) const {
        std::string text(to_string(node.state));
        if (node.started && node.ended) {
            text += (node.state == NodeState::abandoned ? " after " : " in ") +
                    duration_text(*node.ended - *node.started) + ", begun at " +
                    duration_text(*node.started - report_.started);
        }
        if (node.cancelled) text += ", cancelled at " + duration_text(*node.cancelled - report_.started);
        if (!node.error_text.empty()) text += ": " + node.error_text;
        if (node.state == NodeState::skipped) text += ", because something that uses it was abandoned";
        if (node.state != NodeState::dropped) text += " [created at " + site_text(node.site) + "]";
        return text;
    }

    const TeardownReport& report_;
    std::unordered_map<std::string_view, std::size_t> index_;
    std::vector<bool> shown_;
    std::string out_;
};

}  // namespace detail

ASYNCDROP_DECL std::string TeardownReport::to_text() const {
    return detail::ReportTree(*this).text();
}

}  // namespace asyncdrop
