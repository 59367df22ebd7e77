// What a crash leaves of bytes that no sync has covered. A real disk may do each of these; recovery must be
// right after all of them.
#include "demofs/store/testing/memory_disk.hpp"

#include <algorithm>
#include <random>

#include "demofs/base/error.hpp"

namespace demofs::store {

CrashPolicy lose_unsynced() {
    return [](const std::string&, std::uint64_t, Bytes& unsynced) { unsynced.clear(); };
}

CrashPolicy keep_unsynced() {
    return [](const std::string&, std::uint64_t, Bytes&) {};
}

CrashPolicy tear_unsynced_at(std::uint64_t size_bytes) {
    return [size_bytes](const std::string&, std::uint64_t, Bytes& unsynced) {
        if (size_bytes < unsynced.size()) unsynced.resize(size_bytes);
    };
}

CrashPolicy zero_unsynced(std::uint64_t ahead_bytes) {
    return [ahead_bytes](const std::string&, std::uint64_t, Bytes& unsynced) {
        unsynced.assign(unsynced.size() + ahead_bytes, std::byte{0});
    };
}

CrashPolicy reorder_unsynced(std::uint64_t seed) {
    return [seed](const std::string& name, std::uint64_t offset, Bytes& unsynced) {
        constexpr std::size_t page_bytes = 4096;
        constexpr std::size_t sector_bytes = 512;
        std::mt19937_64 random(seed ^ std::hash<std::string>()(name));
        enum Fate { kept, zeroed, torn, fates };
        std::size_t kept_end = 0;
        for (std::size_t at = 0; at < unsynced.size();) {
            const std::size_t page_left = page_bytes - (offset + at) % page_bytes;
            const auto page =
                MutableByteSpan(unsynced).subspan(at, std::min(page_left, unsynced.size() - at));
            std::size_t survives = page.size();
            switch (random() % fates) {
                case zeroed:
                    survives = 0;
                    break;
                case torn:
                    // Disks write sectors of 512 bytes whole.
                    survives = (offset + at + random() % page.size()) / sector_bytes * sector_bytes;
                    survives -= std::min<std::size_t>(survives, offset + at);
                    break;
                default:
                    break;
            }
            std::ranges::fill(page.subspan(survives), std::byte{0});
            if (survives > 0) kept_end = at + survives;
            at += page.size();
        }
        // The file's size may have been written before the data it counts: sometimes zeros follow the last
        // kept byte.
        if (random() % 2 == 0) unsynced.resize(kept_end);
    };
}

MemoryDisk MemoryDisk::snapshot() const {
    MemoryDisk copy;
    copy.objects_ = objects_;
    for (auto& [name, object] : copy.objects_) object.open_for_writing = false;
    return copy;
}

void MemoryDisk::lose_power(const std::string& name, Object& object, const CrashPolicy& policy) {
    if (object.durable == object.size) return;
    const auto begin = object.memory->begin();
    const auto durable_end = begin + static_cast<std::ptrdiff_t>(object.durable);
    Bytes unsynced(durable_end, begin + static_cast<std::ptrdiff_t>(object.size));
    policy(name, object.durable, unsynced);
    auto survived = std::make_shared<Bytes>(begin, durable_end);
    survived->insert(survived->end(), unsynced.begin(), unsynced.end());
    object.memory = std::move(survived);
    object.size = object.durable = object.memory->size();
    object.sync_failed = false;
}

MemoryDisk MemoryDisk::crashed(const CrashPolicy& policy) const {
    MemoryDisk after = snapshot();
    for (auto& [name, object] : after.objects_) lose_power(name, object, policy);
    return after;
}

void MemoryDisk::settle() {
    for (auto& [name, object] : objects_) {
        if (object.open_for_writing) continue;
        if (object.sync_failed) lose_power(name, object, zero_unsynced(0));
        object.durable = object.size;
    }
}

MemoryDisk MemoryDisk::crashed_in_pages() const {
    constexpr std::uint64_t page_bytes = 4096;
    MemoryDisk after = crashed(lose_unsynced());
    for (const auto& [name, object] : objects_) {
        if (object.durable == object.size) continue;
        Bytes survived = after.contents(name);
        const std::uint64_t page = object.durable / page_bytes * page_bytes;
        std::fill(survived.begin() + static_cast<std::ptrdiff_t>(page), survived.end(), std::byte{0});
        after.put(name, survived);
    }
    return after;
}

std::uint64_t MemoryDisk::size_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [name, object] : objects_) sum += object.size;
    return sum;
}

std::vector<std::string> MemoryDisk::names() const {
    std::vector<std::string> names;
    for (const auto& [name, object] : objects_) names.push_back(name);
    return names;
}

const MemoryDisk::Object& MemoryDisk::find(const std::string& name) const {
    const auto entry = objects_.find(name);
    if (entry == objects_.end()) {
        throw Error(std::errc::no_such_file_or_directory, "Cannot find object " + name + " in memory");
    }
    return entry->second;
}

Bytes MemoryDisk::contents(const std::string& name) const {
    const Object& object = find(name);
    return Bytes(object.memory->begin(), object.memory->begin() + static_cast<std::ptrdiff_t>(object.size));
}

std::uint64_t MemoryDisk::durable_bytes(const std::string& name) const {
    return find(name).durable;
}

void MemoryDisk::put(const std::string& name, ByteSpan contents) {
    Object object;
    object.memory->assign(contents.begin(), contents.end());
    object.size = object.durable = contents.size();
    objects_.insert_or_assign(name, std::move(object));
}

void MemoryDisk::erase(const std::string& name) {
    objects_.erase(name);
}

}  // namespace demofs::store
