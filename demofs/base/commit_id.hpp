// Names that commits and copies of a vault have, wherever they are stored.
#pragma once

#include <array>
#include <cstddef>

#include "demofs/base/types.hpp"

namespace demofs {

/// Names one copy of a vault: 128 random bits that a machine keeps for it.
struct ReplicaId {
    std::array<std::byte, 16> bytes{};

    friend bool operator==(const ReplicaId&, const ReplicaId&) = default;
};

/// Names a commit: a session never uses a generation twice.
struct CommitId {
    SessionId session;
    Generation generation{0};

    explicit operator bool() const noexcept { return raw(generation) != 0; }  // generations start at 1
    friend bool operator==(const CommitId&, const CommitId&) = default;
};

}  // namespace demofs
