#include "demofs/block/segment_catalog.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "demofs/base/error.hpp"

namespace demofs::block {

std::uint64_t SegmentList::next_sequence() const {
    return segments.empty() ? 1 : segments.front().id.sequence + 1;
}

boost::asio::awaitable<SegmentList> SegmentCatalog::list() {
    const std::vector<store::ObjectInfo> objects = co_await store_.list();
    SegmentList list;
    for (const store::ObjectInfo& object : objects) {
        if (const auto id = segment_of_object(keys_, object.name)) {
            list.segments.push_back({*id, object.name, object.size_bytes});
        } else {
            ++list.foreign_objects;
        }
    }
    std::ranges::sort(list.segments, std::greater<>(), &ListedSegment::id);
    co_return list;
}

SharedSegment SegmentCatalog::peek(const SegmentId& id) const {
    const auto found = opened_.find(id);
    return found == opened_.end() ? nullptr : found->second;
}

boost::asio::awaitable<SharedSegment> SegmentCatalog::find(SegmentId id) {
    if (SharedSegment known = peek(id)) co_return known;
    const std::string name = object_name(keys_, id);
    std::array<std::byte, segment_header_bytes> stored;
    const MutableByteSpan buffer(stored);
    std::size_t size = 0;
    if (const auto at_once = store_.try_read(name, 0, buffer)) {
        size = *at_once;
    } else {
        std::exception_ptr error;
        try {
            size = co_await store_.read(name, 0, buffer);
        } catch (...) {
            error = std::current_exception();
        }
        if (has_code(error, std::make_error_code(std::errc::no_such_file_or_directory)))
            throw Error(Errc::vault_incomplete,
                        "The object " + name + " of " + describe(id) + " is missing.");
        if (error) std::rethrow_exception(error);
    }
    if (size < stored.size())
        throw Error(Errc::corrupt, "The object " + name + " of " + describe(id) + " ends within its header.");
    std::optional<Segment> opened = open_segment_header(keys_, id, stored);
    if (!opened)
        throw Error(Errc::corrupt,
                    "The header of " + describe(id) + " (object " + name + ") is not authentic.");
    auto segment = std::make_shared<const Segment>(std::move(*opened));
    // Another reader may have been faster: all then share its segment.
    co_return opened_.try_emplace(id, std::move(segment)).first->second;
}

void SegmentCatalog::add(SharedSegment segment) {
    const SegmentId id = segment->id;
    opened_.insert_or_assign(id, std::move(segment));
}

void SegmentCatalog::forget(const SegmentId& id) {
    opened_.erase(id);
}

}  // namespace demofs::block
