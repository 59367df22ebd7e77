// Names of objects, the same for every store: what is a good file name and a good key of an object store on
// the network.
#include "demofs/store/object_store.hpp"

#include <algorithm>

#include "demofs/base/error.hpp"

namespace demofs::store {

bool is_object_name(std::string_view name) noexcept {
    constexpr std::size_t max_length = 64;
    const auto allowed = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
    };
    return !name.empty() && name.size() <= max_length && std::ranges::all_of(name, allowed);
}

void require_object_name(std::string_view name) {
    if (is_object_name(name)) return;
    throw Error(std::errc::invalid_argument, "\"" + std::string(name) + "\" cannot name an object");
}

}  // namespace demofs::store
