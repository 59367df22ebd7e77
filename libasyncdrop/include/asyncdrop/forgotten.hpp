// What happens when a guard dies with its resource alive, and when a guard is misused.
//
// A destructor cannot throw and cannot await, so a guard that is destroyed before its cleanup ran can only
// call a handler. The handler is told why, as far as that can be known; the default one aborts for a plain
// forgotten drop (a bug, and tests should find it) and prints the others, which have causes outside the
// code that holds the guard. How strict it is can be set for each reason, and for all of them at once, as a
// test program does; and the whole handler can be replaced.
//
// Whatever the library has to say is a Report: a line of text, and what the text is made of. A report sink
// takes it apart for a log or a tracing system; without one the line goes to the message sink.
//
// Misuse (a dereference after the drop, a move during it, ...) would be undefined behaviour; it ends the
// program with a sentence, in release builds too.
//
// Threads: everything here may be called from any thread at any time.
#pragma once

#include <array>
#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/detail/linkage.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace asyncdrop {

/// Why a guard was destroyed with its resource alive.
enum class ForgottenReason : std::uint8_t {
    forgotten,                ///< its scope ended normally and nobody called async_drop
    refused_by_cancellation,  ///< async_drop was awaited by a cancelled coroutine, which Asio never starts
    cleanup_abandoned,        ///< the cleanup had begun and its frame was destroyed (its context died)
    context_destroyed,        ///< the execution context was destroyed under it (known after `install`)
    unwinding,                ///< an exception left the guard's scope
    unknown,                  ///< made inside a running context, destroyed outside of any: probably
                              ///< `context_destroyed`, but `install` was not called
};
/// The number of reasons, for tables of them.
inline constexpr std::size_t forgotten_reason_count = 6;

/// A short text for a reason.
constexpr std::string_view to_string(ForgottenReason reason) noexcept {
    switch (reason) {
        case ForgottenReason::forgotten:
            return "its scope ended";
        case ForgottenReason::refused_by_cancellation:
            return "async_drop was refused because the coroutine was already cancelled; "
                   "co_await asyncdrop::even_if_cancelled first";
        case ForgottenReason::cleanup_abandoned:
            return "its cleanup had begun and was abandoned";
        case ForgottenReason::context_destroyed:
            return "its execution context was destroyed";
        case ForgottenReason::unwinding:
            return "an exception left its scope";
        case ForgottenReason::unknown:
            return "destroyed outside of any running context, cause unknown; "
                   "asyncdrop::install(context) tells whether the context was destroyed";
    }
    return "unknown";
}

/// What the default handler does for a reason: end the program with a line, print the line, or nothing. By
/// default it aborts for ForgottenReason::forgotten and prints for the others.
enum class ForgottenAction : std::uint8_t { abort, print, ignore };

/// What is known about a forgotten resource. Views are valid during the handler's call only.
struct ForgottenDrop {
    std::string_view type;   ///< the resource's type
    std::string_view name;   ///< the resource's own name, empty if it has none
    CreationSite site;       ///< where the resource was made
    ForgottenReason reason;  ///< why it was not cleaned up
};

/// Receives the library's messages: one line, without its end.
using MessageSink = void (*)(std::string_view line) noexcept;

/// What a report is about.
enum class ReportKind : std::uint8_t {
    forgotten,  ///< a resource died without its cleanup
    misuse,     ///< a misuse of a guard; the program ends
    notice,     ///< anything else, such as an error that nobody is there to receive, or a slow teardown
};

/// Something that the library has to say: who, where and why. Views are valid during the sink's call only.
struct Report {
    ReportKind kind = ReportKind::notice;   ///< what it is about
    std::string_view text;                  ///< all of it as one line, without its end
    std::string_view type;                  ///< the type or name of the resource in question; empty: none
    std::string_view name;                  ///< the resource's own name, empty if it has none
    CreationSite site;                      ///< where the resource was made; line 0: not known
    std::optional<ForgottenReason> reason;  ///< why it was forgotten; of ReportKind::forgotten only
    bool fatal = false;                     ///< the program is aborted after this
};

/// Receives the library's reports, on the thread that they come from.
using ReportSink = void (*)(const Report& report) noexcept;

/// Called from a guard's destructor, on the thread that destroys it.
using ForgottenHandler = void (*)(const ForgottenDrop& drop) noexcept;

/// Called with one sentence before the program is aborted. It may end the program in its own way; if it
/// returns, the program aborts.
using MisuseHandler = void (*)(std::string_view sentence) noexcept;

namespace detail {

void print_line(std::string_view line) noexcept;

// A line of text in fixed storage, cut off at the end: messages are made where allocation may fail.
class Line {
  public:
    Line& operator<<(std::string_view text) noexcept;
    Line& operator<<(CreationSite site) noexcept;
    std::string_view view() const noexcept { return {text_.data(), size_}; }

  private:
    std::array<char, 2000> text_{};
    std::size_t size_ = 0;
};

inline std::atomic<MessageSink> message_sink{&print_line};

void print_report(const Report& report) noexcept;

inline std::atomic<ReportSink> report_sink{&print_report};

void send(const Report& report) noexcept;

// A notice about a resource, or about none. (Not called print: C++23 has a std::print, which is found for
// arguments of the standard library's types.)
void print_notice(std::string_view line, std::string_view type = {}, CreationSite site = {}) noexcept;

inline std::array<std::atomic<ForgottenAction>, forgotten_reason_count> forgotten_actions{
    ForgottenAction::abort, ForgottenAction::print, ForgottenAction::print,
    ForgottenAction::print, ForgottenAction::print, ForgottenAction::print,
};

inline std::atomic<MisuseHandler> misuse_handler{nullptr};

}  // namespace detail

/// Sends the library's messages to `sink`; returns the former one. The first one writes to stderr.
inline MessageSink set_message_sink(MessageSink sink) noexcept {
    return detail::message_sink.exchange(sink ? sink : &detail::print_line);
}

/// Sends the library's reports to `sink`; null restores the default, which sends their text to the message
/// sink. Returns the former one. The default handlers of forgotten drops and misuse send to it; actions
/// (ForgottenAction) and abort come after it.
inline ReportSink set_report_sink(ReportSink sink) noexcept {
    return detail::report_sink.exchange(sink ? sink : &detail::print_report);
}

/// Sets what the default handler does for one reason; returns the former action.
inline ForgottenAction set_forgotten_action(ForgottenReason reason, ForgottenAction action) noexcept {
    return detail::forgotten_actions[static_cast<std::size_t>(reason)].exchange(action);
}

/// Sets what the default handler does for every reason. For tests:
/// set_forgotten_actions(ForgottenAction::abort) makes every forgotten drop fatal, also one by an exception,
/// which a program only prints.
inline void set_forgotten_actions(ForgottenAction action) noexcept {
    for (auto& of_reason : detail::forgotten_actions) of_reason.store(action);
}

/// Prints "Forgot to call async_drop on <type>, created at <file>:<line>: <reason>", and aborts if told so.
void default_forgotten_handler(const ForgottenDrop& drop) noexcept;

namespace detail {

inline std::atomic<ForgottenHandler> forgotten_handler{&default_forgotten_handler};

void report_forgotten(const ForgottenDrop& drop) noexcept;

// Ends the program with "<sentence> (<type>, created at <file>:<line>)".
[[noreturn]] void misuse(std::string_view sentence, std::string_view type, CreationSite site) noexcept;

}  // namespace detail

/// Replaces the handler of forgotten drops; null restores the default one. Returns the former one.
inline ForgottenHandler set_forgotten_handler(ForgottenHandler handler) noexcept {
    return detail::forgotten_handler.exchange(handler ? handler : &default_forgotten_handler);
}

/// Replaces what is done with the sentence about a misuse, before the program is aborted; null restores the
/// default, which prints it.
inline MisuseHandler set_misuse_handler(MisuseHandler handler) noexcept {
    return detail::misuse_handler.exchange(handler);
}

}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/forgotten.ipp>
#endif
