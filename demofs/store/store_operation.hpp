// What a store was asked to do: for hooks, counters and injected faults.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace demofs::store {

enum class OperationKind { create, append, sync, seal, read, list, remove, space, close_writer, close_store };

inline constexpr std::size_t operation_kind_count = 10;

[[nodiscard]] constexpr std::string_view to_string(OperationKind kind) noexcept {
    constexpr std::array<std::string_view, operation_kind_count> names{
        "create", "append", "sync", "seal", "read", "list", "remove", "space", "close writer", "close store"};
    return names[static_cast<std::size_t>(kind)];
}

struct StoreOperation {
    StoreOperation(OperationKind operation_kind, std::string object_name, std::uint64_t at = 0,
                   std::uint64_t size = 0)
        : kind(operation_kind), name(std::move(object_name)), offset(at), size_bytes(size) {}

    OperationKind kind;
    std::string name;          ///< of the object; empty for list, space and close_store
    std::uint64_t offset;      ///< of a read or an append
    std::uint64_t size_bytes;  ///< of a read or an append
};

}  // namespace demofs::store
