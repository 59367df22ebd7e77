// A name proves nothing and costs one AES block to decrypt; a header proves its segment and costs a read and
// two key derivations. The list is made of names, the map of headers.
#include "demofs/block/segment_catalog.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/block/segment_window.hpp"

namespace demofs::block {

boost::asio::awaitable<void> SegmentCatalog::refresh() {
    const std::vector<store::ObjectInfo> objects = co_await store_.list();
    std::vector<ListedSegment> segments;
    std::size_t foreign = 0;
    for (const store::ObjectInfo& object : objects) {
        if (const auto id = segment_of_object(keys_, object.name)) {
            segments.push_back({*id, object.name, object.size_bytes});
        } else {
            ++foreign;
        }
    }
    std::ranges::sort(segments, std::greater<>(), &ListedSegment::id);
    segments_ = std::move(segments);
    foreign_objects_ = foreign;
}

std::uint64_t SegmentCatalog::next_sequence() const {
    return segments_.empty() ? 1 : segments_.front().id.sequence + 1;
}

const ListedSegment* SegmentCatalog::listed(const SegmentId& id) const {
    const auto found = std::ranges::lower_bound(segments_, id, std::greater<>(), &ListedSegment::id);
    return found == segments_.end() || found->id != id ? nullptr : &*found;
}

boost::asio::awaitable<std::uint64_t> SegmentCatalog::size_of(SegmentId id) {
    if (listed(id) == nullptr) co_await refresh();
    const ListedSegment* const segment = listed(id);
    if (segment == nullptr)
        throw Error(Errc::vault_incomplete, "The object of " + describe(id) + " is missing.");
    co_return segment->size_bytes;
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
    const std::size_t size = co_await read_object(store_, id, name, 0, buffer);
    if (size < stored.size())
        throw Error(Errc::corrupt, "The object " + name + " of " + describe(id) + " ends within its header.");
    std::optional<Segment> opened = open_segment_header(keys_, id, stored);
    if (!opened) opened = co_await find_copy(id, name);
    if (!opened)
        throw Error(Errc::corrupt,
                    "The header of " + describe(id) + " (object " + name + ") is not authentic.");
    auto segment = std::make_shared<const Segment>(std::move(*opened));
    // Another reader may have been faster: all then share its segment.
    co_return opened_.try_emplace(id, std::move(segment)).first->second;
}

// The copy of the header with which a sealed object ends.
boost::asio::awaitable<std::optional<Segment>> SegmentCatalog::find_copy(SegmentId id, std::string name) {
    const std::uint64_t size = co_await size_of(id);
    std::array<std::byte, segment_header_bytes> stored;
    if (size < 2 * stored.size()) co_return std::nullopt;
    const MutableByteSpan buffer(stored);
    const std::size_t read = co_await read_object(store_, id, std::move(name), size - stored.size(), buffer);
    if (read < stored.size()) co_return std::nullopt;
    std::optional<Segment> opened = open_segment_header(keys_, id, stored);
    if (opened) opened->from_copy = true;
    co_return opened;
}

boost::asio::awaitable<bool> SegmentCatalog::header_was_never_written(SegmentId id) {
    const std::string name = object_name(keys_, id);
    std::array<std::byte, segment_header_bytes> stored{};
    const MutableByteSpan buffer(stored);
    const std::size_t size = co_await read_object(store_, id, name, 0, buffer);
    if (size < stored.size()) co_return true;
    const ByteSpan tag = ByteSpan(stored).last(crypto::tag_bytes);
    co_return std::ranges::all_of(tag, [](std::byte byte) { return byte == std::byte{0}; });
}

void SegmentCatalog::add(SharedSegment segment) {
    const SegmentId id = segment->id;
    opened_.insert_or_assign(id, std::move(segment));
}

}  // namespace demofs::block
