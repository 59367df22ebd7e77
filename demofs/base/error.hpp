// The one exception type of demofs. Its text is a whole sentence for a person; its code tells programs what
// happened: either an errno of the system, or one of the causes of our own in Errc.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <system_error>

namespace demofs {

/// Causes that an errno cannot tell apart. The comments name the errno a filesystem call reports for each.
enum class Errc {
    corrupt = 1,         ///< stored bytes are not what was written (EIO)
    wrong_password,      ///< no key slot opens with this password (EACCES)
    not_a_vault,         ///< the directory holds no vault (EINVAL)
    unsupported_format,  ///< written by a newer version, or with unknown parameters (ENOTSUP)
    vault_in_use,        ///< another process has the vault open for writing (EBUSY)
    vault_incomplete,    ///< parts are missing that a later part refers to: not fully synchronised (EIO)
    vault_damaged,       ///< valid data lies beyond a hole: damage, not a crash's tail (EIO)
    rolled_back,         ///< older than what this machine has seen of it (EROFS)
    forked,              ///< neither older nor newer than what this machine has seen of it (EROFS)
    writes_failed,       ///< an earlier write could not be made durable: nothing is written any more (EROFS)
    disk_full,           ///< the same, because there was no space; thrown where writes_failed is (ENOSPC)
    closed,              ///< used after its end (EIO)
};

/// The error category of Errc, named "demofs".
[[nodiscard]] const std::error_category& demofs_category() noexcept;
[[nodiscard]] std::error_code make_error_code(Errc code) noexcept;

/// An error with a sentence. `code()` is comparable with Errc and std::errc; copying never throws.
class Error : public std::system_error {
  public:
    /// what() is `text`.
    Error(Errc code, const std::string& text);
    /// what() is `text`, then a colon and the system's words for `code`.
    Error(std::errc code, const std::string& text);
    /// As above, for a value of errno.
    Error(int errno_value, const std::string& text);
    /// As above; the words of a demofs code are left out, since the text says it better.
    Error(std::error_code code, const std::string& text);

    /// An error of this code whose what() is exactly `text`: for sentences that need no words of the system.
    [[nodiscard]] static Error saying(std::errc code, const std::string& text);

    [[nodiscard]] const char* what() const noexcept override { return sentence_->c_str(); }

  private:
    std::shared_ptr<const std::string> sentence_;
};

/// The errno that a system call reports for this exception: exact for system errors, EINTR for a cancelled
/// operation, ENOMEM for std::bad_alloc, see Errc for ours, and EIO for anything unknown. `error` must not be
/// null.
[[nodiscard]] std::errc errno_of(const std::exception_ptr& error) noexcept;
[[nodiscard]] std::errc errno_of(const std::error_code& code) noexcept;

/// What a failure to write means for everything after it: disk_full or writes_failed.
[[nodiscard]] Errc write_failure(const std::exception_ptr& error) noexcept;

/// The text of an exception, for logs and messages; "no error" for null.
[[nodiscard]] std::string describe(const std::exception_ptr& error);

/// Whether `error` carries exactly this code.
[[nodiscard]] bool has_code(const std::exception_ptr& error, const std::error_code& code) noexcept;

}  // namespace demofs

template <>
struct std::is_error_code_enum<demofs::Errc> : std::true_type {};
