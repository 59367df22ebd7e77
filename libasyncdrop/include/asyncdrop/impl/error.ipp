// Failures put together; see error.hpp.
#pragma once

#include <asyncdrop/error.hpp>
#include <asyncdrop/forgotten.hpp>
#include <boost/system/system_error.hpp>
#include <cstddef>
#include <vector>

namespace asyncdrop {

struct AsyncDropError::Content {
    std::exception_ptr primary;
    std::vector<SuppressedError> suppressed;
    std::string text;
};

ASYNCDROP_DECL const std::exception_ptr& AsyncDropError::primary() const noexcept {
    return content_->primary;
}

ASYNCDROP_DECL std::span<const SuppressedError> AsyncDropError::suppressed() const noexcept {
    return content_->suppressed;
}

ASYNCDROP_DECL const char* AsyncDropError::what() const noexcept {
    return content_->text.c_str();
}

namespace detail {

ASYNCDROP_DECL std::string message_of(const std::exception_ptr& error) {
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

ASYNCDROP_DECL void print_lost(const Failure& failure) noexcept {
    Line line;
    line << "asyncdrop: out of memory while reporting that the "
         << (failure.acquiring ? "acquisition of " : "cleanup of ") << failure.resource << ", created at "
         << failure.site << ", failed";
    print_notice(line.view(), failure.resource, failure.site);
}

ASYNCDROP_DECL std::exception_ptr combine(std::exception_ptr primary,
                                          std::span<const Failure> failures) noexcept {
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
