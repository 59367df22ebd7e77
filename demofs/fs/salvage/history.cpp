// The way from a session to its base, until a fresh vault or a session that is missing.
#include "demofs/fs/salvage/history.hpp"

#include <unordered_set>

namespace demofs::fs {

History::History(const Origins& origins, const CommitId& tip) {
    CommitId at = tip;
    while (at) {
        if (!until_.try_emplace(at.session, at.generation).second) break;  // no writer makes a circle
        const auto origin = origins.find(at.session);
        if (origin == origins.end()) {
            broken_at_ = at.generation;
            break;
        }
        at = origin->second.base;
    }
    if (!is_broken()) return;
    // Sessions that do not come from the way: they may be what lies behind its break.
    std::vector<SessionId> behind;
    for (const auto& [session, origin] : origins) {
        std::unordered_set<SessionId> seen;
        SessionId from = session;
        bool is_branch = false;
        while (seen.insert(from).second) {
            is_branch = until_.contains(from);
            const auto base = origins.find(from);
            if (is_branch || base == origins.end() || !base->second.base) break;
            from = base->second.base.session;
        }
        if (!is_branch) behind.push_back(session);
    }
    for (const SessionId& session : behind) until_.try_emplace(session, broken_at_);
}

bool History::has(const SessionId& session, Generation birth) const {
    const auto until = until_.find(session);
    return until != until_.end() && birth <= until->second;
}

std::vector<SessionId> ends_of_histories(const History::Origins& origins) {
    std::unordered_set<SessionId> bases;
    for (const auto& [session, origin] : origins) {
        if (origin.base) bases.insert(origin.base.session);
    }
    std::vector<SessionId> ends;
    for (const auto& [session, origin] : origins) {
        if (!bases.contains(session)) ends.push_back(session);
    }
    return ends;
}

}  // namespace demofs::fs
