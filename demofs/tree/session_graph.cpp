// The way from a commit into its past, header by header.
#include "demofs/tree/session_graph.hpp"

#include <algorithm>
#include <exception>

#include "demofs/base/error.hpp"

namespace demofs::tree {

namespace asio = boost::asio;

// Nothing: no segment of the session is there any more, or none that can be read.
asio::awaitable<std::optional<block::Origin>> SessionGraph::origin_of(SessionId session) {
    while (true) {
        const auto known = origins_.find(session);
        if (known != origins_.end()) co_return known->second;
        if (looked_at_ >= catalog_.segments().size()) co_return std::nullopt;
        const block::SegmentId id = catalog_.segments()[looked_at_].id;
        std::exception_ptr error;
        try {
            const block::SharedSegment segment = co_await catalog_.find(id);
            add(*segment);
        } catch (...) {
            error = std::current_exception();
        }
        ++looked_at_;
        const bool unreadable = has_code(error, make_error_code(Errc::corrupt)) ||
                                has_code(error, make_error_code(Errc::vault_incomplete));
        if (error && !unreadable) std::rethrow_exception(error);
    }
}

asio::awaitable<std::optional<bool>> SessionGraph::leads_to(CommitId from, CommitId commit) {
    while (from.session != commit.session) {
        if (from.generation <= commit.generation) co_return false;  // its past is older still
        const std::optional<block::Origin> origin = co_await origin_of(from.session);
        if (!origin) co_return std::nullopt;
        if (!origin->base) co_return false;
        from = origin->base;
    }
    co_return from.generation >= commit.generation;
}

asio::awaitable<bool> SessionGraph::descends(const CommitRecord& head, const ReplicaVersion& commit) {
    const CommitId from = head.id();
    const std::optional<bool> known = co_await leads_to(from, commit.commit);
    if (known) co_return *known;
    co_return std::ranges::any_of(head.versions, [&](const ReplicaVersion& version) {
        return version.replica == commit.replica && version.commit.generation >= commit.commit.generation;
    });
}

}  // namespace demofs::tree
