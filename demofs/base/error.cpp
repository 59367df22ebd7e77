// Which errno stands for each cause of our own, and how the code of any exception, ours, the system's or
// Boost's, is found.
#include "demofs/base/error.hpp"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <new>

namespace demofs {
namespace {

class DemofsCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "demofs"; }

    std::string message(int value) const override {
        switch (static_cast<Errc>(value)) {
            case Errc::corrupt:
                return "stored data is damaged";
            case Errc::wrong_password:
                return "wrong password";
            case Errc::not_a_vault:
                return "not a vault";
            case Errc::unsupported_format:
                return "unsupported vault format";
            case Errc::vault_in_use:
                return "the vault is in use";
            case Errc::vault_incomplete:
                return "the vault is incomplete";
            case Errc::vault_damaged:
                return "the vault is damaged";
            case Errc::rolled_back:
                return "the vault is older than expected";
            case Errc::forked:
                return "the vault has diverged";
            case Errc::writes_failed:
                return "an earlier write failed";
            case Errc::disk_full:
                return "the disk is full";
            case Errc::closed:
                return "used after its end";
        }
        return "unknown demofs error " + std::to_string(value);
    }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<Errc>(value)) {
            case Errc::wrong_password:
                return std::errc::permission_denied;
            case Errc::not_a_vault:
                return std::errc::invalid_argument;
            case Errc::unsupported_format:
                return std::errc::not_supported;
            case Errc::vault_in_use:
                return std::errc::device_or_resource_busy;
            case Errc::rolled_back:
            case Errc::forked:
            case Errc::writes_failed:
                return std::errc::read_only_file_system;
            case Errc::disk_full:
                return std::errc::no_space_on_device;
            case Errc::corrupt:
            case Errc::vault_incomplete:
            case Errc::vault_damaged:
            case Errc::closed:
                return std::errc::io_error;
        }
        return std::errc::io_error;
    }
};

std::string sentence_for(const std::error_code& code, const std::string& text) {
    return code.category() == demofs_category() ? text : text + ": " + code.message();
}

/// The code an exception carries; none for exceptions without one.
std::error_code code_of(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const boost::system::system_error& failure) {  // Boost's own class; Asio throws it
        return failure.code();
    } catch (const std::system_error& failure) {
        return failure.code();
    } catch (const std::bad_alloc&) {
        return std::make_error_code(std::errc::not_enough_memory);
    } catch (...) {
        return {};
    }
}

}  // namespace

const std::error_category& demofs_category() noexcept {
    static const DemofsCategory category;
    return category;
}

std::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), demofs_category()};
}

Error::Error(std::error_code code, const std::string& text)
    : std::system_error(code, text),
      sentence_(std::make_shared<const std::string>(sentence_for(code, text))) {}
Error::Error(Errc code, const std::string& text) : Error(make_error_code(code), text) {}
Error::Error(std::errc code, const std::string& text) : Error(std::make_error_code(code), text) {}
Error::Error(int errno_value, const std::string& text)
    : Error(std::error_code(errno_value, std::generic_category()), text) {}

Error Error::saying(std::errc code, const std::string& text) {
    Error error(code, text);
    error.sentence_ = std::make_shared<const std::string>(text);
    return error;
}

std::errc errno_of(const std::error_code& code) noexcept {
    const std::error_condition condition = code.default_error_condition();
    if (!code || condition.category() != std::generic_category()) return std::errc::io_error;
    const auto value = static_cast<std::errc>(condition.value());
    return value == std::errc::operation_canceled ? std::errc::interrupted : value;
}

std::errc errno_of(const std::exception_ptr& error) noexcept {
    return errno_of(code_of(error));
}

Errc write_failure(const std::exception_ptr& error) noexcept {
    const std::errc code = errno_of(error);
    const bool full = code == std::errc::no_space_on_device || static_cast<int>(code) == EDQUOT;
    return full ? Errc::disk_full : Errc::writes_failed;
}

std::string describe(const std::exception_ptr& error) {
    if (!error) return "no error";
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& failure) {
        return failure.what();
    } catch (...) {
        return "an exception of unknown type";
    }
}

bool has_code(const std::exception_ptr& error, const std::error_code& code) noexcept {
    return error && code_of(error) == code;
}

}  // namespace demofs
