// Putting into and reading from a Tree in tests: numbered entries with short texts.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "demofs/tree/tree.hpp"

namespace demofs::tree::test {

namespace asio = boost::asio;

inline Bytes bytes_of(std::string_view text) {
    const ByteSpan span = as_bytes(text);
    return Bytes(span.begin(), span.end());
}

inline Changes put_of(const Key& key, Bytes value) {
    Changes changes;
    changes.put(key, std::move(value));
    return changes;
}

inline Changes erase_of(const Key& key) {
    Changes changes;
    changes.erase(key);
    return changes;
}

inline Key number_key(std::uint64_t number) {
    return {number, Kind::inode, 0};
}
inline const Key lowest_key{};
inline const Key highest_key{~0ull, Kind::segment_usage, ~0ull};

using Contents = std::map<Key, Bytes>;

// Everything but the usage of segments, which every commit changes.
inline asio::awaitable<Contents> contents_of(Tree& tree) {
    Contents contents;
    const auto read = [&tree, &contents] {
        contents.clear();
        tree.scan(lowest_key, highest_key, [&contents](const Key& key, ByteSpan value) {
            if (key.kind != Kind::segment_usage) contents.emplace(key, Bytes(value.begin(), value.end()));
            return true;
        });
    };
    co_await tree.retry(read);
    co_return contents;
}

inline asio::awaitable<Epoch> apply(Tree& tree, const Changes& changes) {
    const auto operation = [&tree, &changes] { return tree.apply(changes); };
    co_return co_await tree.retry(operation);
}

inline asio::awaitable<Epoch> put(Tree& tree, std::uint64_t number, std::string_view text) {
    const Changes changes = put_of(number_key(number), bytes_of(text));
    co_return co_await apply(tree, changes);
}

inline asio::awaitable<std::string> get(Tree& tree, std::uint64_t number) {
    const auto read = [&tree, number] {
        const std::optional<ByteSpan> value = tree.find(number_key(number));
        return value ? std::string(as_text(*value)) : std::string("(none)");
    };
    co_return co_await tree.retry(read);
}

}  // namespace demofs::tree::test
