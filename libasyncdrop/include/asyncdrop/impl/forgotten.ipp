// What the library says, and how it ends the program; see forgotten.hpp.
#pragma once

#include <asyncdrop/forgotten.hpp>
#include <cstdio>
#include <cstdlib>

namespace asyncdrop {

namespace detail {

ASYNCDROP_DECL void print_line(std::string_view line) noexcept {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    std::fflush(stderr);
}

ASYNCDROP_DECL Line& Line::operator<<(std::string_view text) noexcept {
    for (const char c : text) {
        if (size_ < text_.size()) text_[size_++] = c;
    }
    return *this;
}

ASYNCDROP_DECL Line& Line::operator<<(CreationSite site) noexcept {
    char number[16];
    std::snprintf(number, sizeof number, ":%u", static_cast<unsigned>(site.line()));
    return *this << std::string_view(site.file()) << std::string_view(number);
}

ASYNCDROP_DECL void print_report(const Report& report) noexcept {
    message_sink.load(std::memory_order_acquire)(report.text);
}

ASYNCDROP_DECL void send(const Report& report) noexcept {
    report_sink.load(std::memory_order_acquire)(report);
}

ASYNCDROP_DECL void print_notice(std::string_view line, std::string_view type, CreationSite site) noexcept {
    Report report;
    report.text = line;
    report.type = type;
    report.site = site;
    send(report);
}

ASYNCDROP_DECL void report_forgotten(const ForgottenDrop& drop) noexcept {
    forgotten_handler.load(std::memory_order_acquire)(drop);
}

[[noreturn]] ASYNCDROP_DECL void misuse(std::string_view sentence, std::string_view type,
                                        CreationSite site) noexcept {
    Line line;
    line << "asyncdrop: " << sentence << " (" << type << ", created at " << site << ")";
    if (const auto handler = misuse_handler.load(std::memory_order_acquire)) {
        handler(line.view());
    } else {
        Report report;
        report.kind = ReportKind::misuse;
        report.text = line.view();
        report.type = type;
        report.site = site;
        report.fatal = true;
        send(report);
    }
    std::abort();
}

}  // namespace detail

ASYNCDROP_DECL void default_forgotten_handler(const ForgottenDrop& drop) noexcept {
    const auto action = detail::forgotten_actions[static_cast<std::size_t>(drop.reason)].load();
    if (action == ForgottenAction::ignore) return;
    detail::Line line;
    line << "Forgot to call async_drop on " << drop.type;
    if (!drop.name.empty()) line << " \"" << drop.name << "\"";
    line << ", created at " << drop.site << ": " << to_string(drop.reason);
    Report report;
    report.kind = ReportKind::forgotten;
    report.text = line.view();
    report.type = drop.type;
    report.name = drop.name;
    report.site = drop.site;
    report.reason = drop.reason;
    report.fatal = action == ForgottenAction::abort;
    detail::send(report);
    if (report.fatal) std::abort();
}

}  // namespace asyncdrop
