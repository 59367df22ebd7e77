// AsyncDropError: several failures at once, none lost.
//
// The rule of the whole library: exactly one failure is delivered as itself. With several, what is thrown is
// an AsyncDropError whose primary() is the body's error (or the first cleanup's, if the body succeeded) and
// whose suppressed() lists every cleanup error in the order in which the cleanups ran. The list is flat: the
// parts of an AsyncDropError that takes part in another one are taken over one by one.
//
// Threads: an AsyncDropError is immutable; copies share their content.
#pragma once

#include <asyncdrop/creation_site.hpp>
#include <asyncdrop/forgotten.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace asyncdrop {

/// An error, mostly of a cleanup, that came on top of another error.
struct SuppressedError {
    std::exception_ptr error;  ///< what was thrown; never null
    std::string resource;      ///< the name of what failed to clean up, its type's if it has no other
    CreationSite site;         ///< where that was made
    bool acquiring = false;    ///< true: the resource could not be made, so there is no site
};

namespace detail {
struct Failure;
std::exception_ptr combine(std::exception_ptr primary, std::span<const Failure> failures) noexcept;

// One sentence. Boost's error codes say in what() where in Boost they were made, which helps no reader of a
// report.
inline std::string message_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const boost::system::system_error& e) {
        std::string text = e.what();
        const std::string with_place = e.code().what();
        const std::size_t at = text.find(with_place);
        if (at != std::string::npos) text.replace(at, with_place.size(), e.code().message());
        return text;
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an exception that is not a std::exception";
    }
}
}  // namespace detail

/// Several failures at once: the one to act upon, and those that came on top of it.
class AsyncDropError : public std::exception {
  public:
    /// The error to act upon. Never null.
    const std::exception_ptr& primary() const noexcept { return content_->primary; }

    /// The others, in the order in which they happened. Lives as long as any copy of this error.
    std::span<const SuppressedError> suppressed() const noexcept { return content_->suppressed; }

    /// All messages: "<primary>; while cleaning up <resource> (created at <file>:<line>): <message>; ...".
    const char* what() const noexcept override { return content_->text.c_str(); }

  private:
    friend std::exception_ptr detail::combine(std::exception_ptr, std::span<const detail::Failure>) noexcept;

    struct Content {
        std::exception_ptr primary;
        std::vector<SuppressedError> suppressed;
        std::string text;
    };

    explicit AsyncDropError(std::shared_ptr<const Content> content) noexcept : content_(std::move(content)) {}

    std::shared_ptr<const Content> content_;
};

namespace detail {

// The error of one cleanup. Holds no storage of its own, so collecting failures cannot fail.
struct Failure {
    Failure() noexcept {}
    Failure(std::exception_ptr e, std::string_view r, CreationSite s) noexcept
        : error(std::move(e)), resource(r), site(s) {}

    std::exception_ptr error;  // null: no failure
    std::string_view resource;
    CreationSite site;
    bool acquiring = false;  // the error of making the resource, not of cleaning it up
};

inline void print_lost(const Failure& failure) noexcept {
    Line line;
    line << "asyncdrop: out of memory while reporting that the "
         << (failure.acquiring ? "acquisition of " : "cleanup of ") << failure.resource << ", created at "
         << failure.site << ", failed";
    print(line.view(), failure.resource, failure.site);
}

// The one exception that stands for a body's error (may be null) and the failed ones among `failures`;
// null if nothing failed. Without memory for a combined error the primary one is delivered and the others
// are printed.
inline std::exception_ptr combine(std::exception_ptr primary, std::span<const Failure> failures) noexcept {
    std::size_t failed = 0;
    for (const Failure& failure : failures) failed += failure.error ? 1 : 0;
    if (failed == 0) return primary;

    const Failure* promoted = nullptr;  // the cleanup error that becomes the primary one
    if (!primary) {
        for (const Failure& failure : failures) {
            if (failure.error) {
                promoted = &failure;
                break;
            }
        }
        primary = promoted->error;
        if (failed == 1) return primary;
    }

    try {
        auto content = std::make_shared<AsyncDropError::Content>();
        const auto take_over = [&content](const std::exception_ptr& error) -> std::exception_ptr {
            try {
                std::rethrow_exception(error);
            } catch (const AsyncDropError& nested) {
                const auto& parts = nested.suppressed();
                content->suppressed.insert(content->suppressed.end(), parts.begin(), parts.end());
                return nested.primary();
            } catch (...) {
                return error;
            }
        };
        content->primary = take_over(primary);
        for (const Failure& failure : failures) {
            if (!failure.error || &failure == promoted) continue;
            const std::size_t place = content->suppressed.size();
            const std::exception_ptr error = take_over(failure.error);
            content->suppressed.insert(
                content->suppressed.begin() + static_cast<std::ptrdiff_t>(place),
                SuppressedError{error, std::string(failure.resource), failure.site, failure.acquiring});
        }
        content->text = message_of(content->primary);
        for (const SuppressedError& suppressed : content->suppressed) {
            if (suppressed.acquiring) {
                content->text += "; while acquiring " + suppressed.resource + ": ";
            } else {
                content->text += "; while cleaning up " + suppressed.resource + " (created at " +
                                 suppressed.site.file() + ":" + std::to_string(suppressed.site.line()) +
                                 "): ";
            }
            content->text += message_of(suppressed.error);
        }
        return std::make_exception_ptr(AsyncDropError(std::move(content)));
    } catch (...) {
        for (const Failure& failure : failures) {
            if (failure.error && &failure != promoted) print_lost(failure);
        }
        return primary;
    }
}

}  // namespace detail
}  // namespace asyncdrop
