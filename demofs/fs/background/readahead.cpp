// Decides who reads a file in order, and when to fetch: as soon as no more than half a window is fetched
// ahead of the reader, it is filled up to a whole one.
#include "demofs/fs/background/readahead.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

// Requests of one reader may arrive a little out of order.
constexpr std::uint64_t slack_bytes = 256u << 10;
// Two reads in a row may be chance.
constexpr unsigned reads_before_fetching = 3;
constexpr std::size_t streams_remembered = 256;

}  // namespace

asyncdrop::AsyncDropBox<Readahead> Readahead::make(asio::any_io_executor executor, std::size_t window_bytes,
                                                   Fetch fetch) {
    return asyncdrop::make_box<Readahead>(std::move(executor), window_bytes, std::move(fetch));
}

Readahead::Readahead(asyncdrop::Passkey<Readahead>, asio::any_io_executor executor, std::size_t window_bytes,
                     Fetch fetch)
    : window_bytes_(window_bytes),
      fetch_(std::move(fetch)),
      fetches_(asyncdrop::AsyncDropScope::create(std::move(executor))) {}

void Readahead::note(InodeNumber inode, std::uint64_t offset, std::size_t size) {
    if (window_bytes_ == 0 || !fetches_) return;  // switched off, or being dropped
    // Any one may go when there are too many: its file's next reads are noted afresh.
    if (streams_.size() >= streams_remembered && !streams_.contains(inode)) streams_.erase(streams_.begin());
    Stream& stream = streams_[inode];
    const bool in_order = offset + slack_bytes >= stream.end && offset <= stream.end + slack_bytes;
    if (!in_order) stream = Stream{offset, offset, 0};
    stream.end = std::max(stream.end, offset + size);
    stream.fetched = std::max(stream.fetched, stream.end);
    if (++stream.in_order < reads_before_fetching) return;
    if (stream.fetched - stream.end > window_bytes_ / 2) return;

    const std::uint64_t from = stream.fetched;
    stream.fetched = stream.end + window_bytes_;
    fetches_->spawn("readahead of inode " + std::to_string(raw(inode)),
                    fetch_(inode, from, stream.fetched - from));
}

}  // namespace demofs::fs
