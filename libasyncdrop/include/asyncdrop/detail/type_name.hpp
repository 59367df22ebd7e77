// The name of a type as text, without RTTI, allocation or failure: messages are written in noexcept paths.
#pragma once

#include <string_view>

namespace asyncdrop::detail {

// The compiler's spelling of T, for messages only: it differs between compilers.
template <class T>
constexpr std::string_view type_name() noexcept {
    // g++:   "constexpr std::string_view ...type_name() [with T = Name; std::string_view = ...]"
    // clang: "std::string_view ...type_name() [T = Name]"
    constexpr std::string_view text = __PRETTY_FUNCTION__;
    constexpr std::string_view mark = "T = ";
    constexpr auto begin = text.find(mark) + mark.size();
    constexpr auto semicolon = text.find("; std::string_view", begin);
    constexpr auto end = semicolon == std::string_view::npos ? text.rfind(']') : semicolon;
    return text.substr(begin, end - begin);
}

}  // namespace asyncdrop::detail
