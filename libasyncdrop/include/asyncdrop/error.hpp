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
#include <asyncdrop/detail/linkage.hpp>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

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
std::string message_of(const std::exception_ptr& error);
}  // namespace detail

/// Several failures at once: the one to act upon, and those that came on top of it.
class AsyncDropError : public std::exception {
  public:
    /// The error to act upon. Never null.
    const std::exception_ptr& primary() const noexcept;

    /// The others, in the order in which they happened. Lives as long as any copy of this error.
    std::span<const SuppressedError> suppressed() const noexcept;

    /// All messages: "<primary>; while cleaning up <resource> (created at <file>:<line>): <message>; ...".
    const char* what() const noexcept override;

  private:
    friend std::exception_ptr detail::combine(std::exception_ptr, std::span<const detail::Failure>) noexcept;

    struct Content;

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

void print_lost(const Failure& failure) noexcept;

// The one exception that stands for a body's error (may be null) and the failed ones among `failures`;
// null if nothing failed. Without memory for a combined error the primary one is delivered and the others
// are printed.
std::exception_ptr combine(std::exception_ptr primary, std::span<const Failure> failures) noexcept;

}  // namespace detail
}  // namespace asyncdrop

#if !defined(ASYNCDROP_SEPARATE_COMPILATION)
#include <asyncdrop/impl/error.ipp>
#endif
