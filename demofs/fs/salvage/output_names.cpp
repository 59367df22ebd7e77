// The lists of errors are those of salvage_output.hpp.
#include "demofs/fs/salvage/output_names.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <system_error>

#include "demofs/base/error.hpp"
#include "demofs/fs/records/dirent_record.hpp"

namespace demofs::fs {
namespace {

bool is_one_of(const std::exception_ptr& error, std::span<const std::errc> codes) {
    return std::ranges::any_of(codes,
                               [&](std::errc code) { return has_code(error, std::make_error_code(code)); });
}

}  // namespace

bool is_usable_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.size() <= max_name_bytes &&
           name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

bool is_about_name(const std::exception_ptr& error) {
    constexpr std::array codes{
        std::errc::file_exists,           std::errc::filename_too_long,       std::errc::invalid_argument,
        std::errc::illegal_byte_sequence, std::errc::operation_not_permitted, std::errc::not_supported};
    return is_one_of(error, codes);
}

bool is_about_size(const std::exception_ptr& error) {
    constexpr std::array codes{std::errc::file_too_large, std::errc::invalid_argument,
                               std::errc::value_too_large};
    return is_one_of(error, codes);
}

std::string joined(const std::string& directory, const std::string& name) {
    return directory.empty() ? name : directory + "/" + name;
}

std::string unusable(const std::string& path) {
    return "its name was \"" + path + "\", which cannot be used here";
}

}  // namespace demofs::fs
