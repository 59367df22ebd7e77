// A block store that keeps everything in a map: what was appended is in memory until it is synced, then only
// read() finds it. Counts, fails and holds operations as a test wants it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "demofs/base/error.hpp"
#include "demofs/base/wait_queue.hpp"
#include "demofs/block/block_store.hpp"
#include "demofs/tree/commit_record.hpp"

namespace demofs::tree::test {

class MemoryBlockStore final : public block::BlockStore {
  public:
    struct Stored {
        block::BlockHeader header;
        SharedBytes payload;
        bool synced = false;
    };

    block::BlockAddress append(const block::BlockHeader& header, SharedBytes payload,
                               block::Placement placement) override {
        throw_if_failed();
        if (appends_until_failure == 0) fail("no append");
        --appends_until_failure;
        if (placement == block::Placement::aligned) next_ = (next_ + 4095) / 4096 * 4096;
        if (next_ > segment_bytes) {
            ++segment_;
            next_ = 128;
        }
        block::BlockAddress where;
        where.segment = {segment_, segment_ * 1000};
        where.offset = next_;
        where.payload_bytes = static_cast<std::uint32_t>(payload.size());
        next_ = where.end();
        appended_bytes += where.stored_bytes();
        ++appends;
        pending_.ranges.push_back({where.segment, where.offset, where.end()});
        unsynced_.push_back(where);
        if (header.kind == block::BlockKind::commit) records.push_back(where);
        blocks.emplace(where, Stored{header, std::move(payload)});
        return where;
    }

    SharedBytes try_read(const block::BlockAddress& address) override {
        const auto found = blocks.find(address);
        if (found == blocks.end() || found->second.synced) return {};
        return found->second.payload;
    }

    boost::asio::awaitable<SharedBytes> read(block::BlockAddress address, block::BlockKind kind) override {
        ++reads;
        co_await pause();
        const auto found = blocks.find(address);
        if (found == blocks.end() || found->second.header.kind != kind || unreadable == address) {
            throw Error(Errc::corrupt, "There is no such block.");
        }
        co_return found->second.payload;
    }

    boost::asio::awaitable<std::vector<SharedBytes>> read_many(std::vector<block::BlockAddress> addresses,
                                                               block::BlockKind kind) override {
        std::vector<SharedBytes> payloads;
        ++reads_of_many;
        for (const block::BlockAddress& address : addresses) payloads.push_back(co_await read(address, kind));
        co_return payloads;
    }

    boost::asio::awaitable<block::LogDigest> digest() override {
        co_await pause();
        throw_if_failed();
        co_return std::exchange(pending_, {});
    }

    boost::asio::awaitable<void> sync() override {
        throw_if_failed();
        ++syncs;
        const std::vector<block::BlockAddress> covered = std::exchange(unsynced_, {});
        co_await pause();
        while (hold_sync) co_await released_->wait();
        if (syncs_until_failure == 0) fail("no sync");
        --syncs_until_failure;
        throw_if_failed();
        for (const block::BlockAddress& address : covered) blocks.at(address).synced = true;
    }

    std::size_t unsynced_bytes() const override {
        std::size_t bytes = 0;
        for (const block::BlockAddress& address : unsynced_) bytes += address.stored_bytes();
        return bytes;
    }

    boost::asio::awaitable<SharedBytes> read_part(block::BlockPart part, block::BlockKind kind) override {
        const SharedBytes payload = co_await read(part.block, kind);
        co_return payload.slice(part.offset, part.length);
    }

    boost::asio::awaitable<void> throttle() override { co_return; }
    const std::string& failure() const override { return failure_; }
    Errc failure_code() const override { return Errc::writes_failed; }

    void release_sync() {
        hold_sync = false;
        released_->wake_all();
    }

    // The newest record whose sync has returned, as recovery would find it; null: none.
    std::unique_ptr<CommitRecord> last_record() const {
        for (auto where = records.rbegin(); where != records.rend(); ++where) {
            const Stored& stored = blocks.at(*where);
            if (!stored.synced) continue;
            auto record = std::make_unique<CommitRecord>(decode_commit_record(stored.payload));
            record->address = *where;
            return record;
        }
        return nullptr;
    }

    // Each later session writes to segments of its own.
    void new_session() {
        ++segment_;
        next_ = 128;
        pending_ = {};
        failure_.clear();
        appends_until_failure = syncs_until_failure = ~0ull;
    }

    std::unordered_map<block::BlockAddress, Stored> blocks;
    std::vector<block::BlockAddress> records;  // of all commits, oldest first
    std::uint32_t segment_bytes = 64 * 1024;
    std::uint64_t appends = 0;
    std::uint64_t appended_bytes = 0;
    std::uint64_t syncs = 0;
    std::uint64_t reads = 0;          // of blocks, alone or together
    std::uint64_t reads_of_many = 0;  // calls
    std::uint64_t appends_until_failure = ~0ull;
    std::uint64_t syncs_until_failure = ~0ull;
    bool hold_sync = false;
    block::BlockAddress unreadable;

  private:
    static boost::asio::awaitable<void> pause() {
        const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
        co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    void throw_if_failed() const {
        if (!failure_.empty()) throw Error(Errc::writes_failed, failure_);
    }
    [[noreturn]] void fail(const std::string& why) {
        failure_ = "The test allows " + why + ".";
        throw Error(Errc::writes_failed, failure_);
    }

    std::uint64_t segment_ = 1;
    std::uint32_t next_ = 128;
    block::LogDigest pending_;
    std::vector<block::BlockAddress> unsynced_;
    std::unique_ptr<WaitQueue> released_ = std::make_unique<WaitQueue>();
    std::string failure_;
};

}  // namespace demofs::tree::test
