#include "tests/unit/budgets/stage.hpp"

#include <limits>

#include "tests/support/allocation_counter.hpp"
#include "tests/support/cipher_counter.hpp"

namespace demofs::fs::test {

Stage::Stage() : content_(large_file_bytes, 'x') {
    // A store that waits lets the worker's finishing decide how blocks are put together for writing.
    vault_.store_options.always_suspend = false;
    const block::BlockSettings settings = vault_.block_settings;
    vault_.block_settings.inline_crypto_bytes = std::numeric_limits<std::size_t>::max();
    mount();
    fill();
    unmount();
    vault_.block_settings = settings;
    mount();
}

// Without the worker, so that the layout of the vault is always the same.
void Stage::fill() {
    for (std::size_t i = 0; i < 2; ++i) {
        const std::string number = std::to_string(i);
        directories[i] = make(root_inode, ("d" + number).c_str(), S_IFDIR | 0755);
        for (std::size_t k = 0; k < small[i].size(); ++k) {
            small[i][k] = make(directories[i], ("f" + std::to_string(k)).c_str(), S_IFREG | 0644);
            write(small[i][k], 0, small_file_bytes);
        }
        make(root_inode, ("e" + number).c_str(), S_IFDIR | 0755);
        links[i] = make(root_inode, ("s" + number).c_str(), S_IFLNK | 0777, "d0/f0");
        large[i] = make(root_inode, ("l" + number).c_str(), S_IFREG | 0644);
        write(large[i], 0, large_file_bytes);
    }
    many = make(root_inode, "many", S_IFDIR | 0755);
    for (int i = 0; i < many_files; ++i) {
        const InodeNumber inode = make(many, ("n" + std::to_string(i)).c_str(), S_IFREG | 0644);
        if (i < 2) in_many[static_cast<std::size_t>(i)] = inode;
    }
}

void Stage::mount() {
    mount_.emplace(vault_);
}

void Stage::unmount() {
    EXPECT_EQ(mount_->unmount(), nullptr);
    mount_.reset();
}

void Stage::run_to_rest() {
    vault_.context.restart();
    vault_.context.run();
}

Cost Stage::cost_of(const std::function<void()>& work) {
    const store::StoreCounters before = *vault_.counters;
    const test_support::CipherBytes bytes_before = test_support::cipher_bytes();
    waits_ = 0;
    const long allocations_before = test_support::allocations();
    work();
    run_to_rest();
    const long allocations = test_support::allocations() - allocations_before;
    const test_support::CipherBytes bytes = test_support::cipher_bytes();
    const store::StoreCounters& counters = *vault_.counters;
    const auto difference = [](std::uint64_t now, std::uint64_t then) {
        return static_cast<std::int64_t>(now - then);
    };
    Cost cost;
    cost.waits = waits_;
    cost.reads = difference(counters.reads, before.reads);
    cost.appends = difference(counters.appends, before.appends);
    cost.syncs = difference(counters.syncs, before.syncs);
    cost.encrypted_bytes = bytes.encrypted - bytes_before.encrypted;
    cost.decrypted_bytes = bytes.decrypted - bytes_before.decrypted;
    cost.allocations = allocations;
    return cost;
}

// --- operations ----------------------------------------------------------------------------------

std::optional<Attributes> Stage::lookup(InodeNumber parent, const char* name) {
    const Lookup operation{parent, name};
    auto reply = fs().try_run(operation);
    if (!reply) reply.emplace(wait_for(fs().run(operation)));
    if (*reply) return reply->value();
    EXPECT_EQ(reply->error(), std::errc::no_such_file_or_directory);
    return std::nullopt;
}

InodeNumber Stage::make(InodeNumber parent, const char* name, std::uint32_t mode, const char* target) {
    Create create;
    create.parent = parent;
    create.name = name;
    create.mode = mode;
    create.uid = 10;
    create.gid = 20;
    create.target = target;
    create.now = now();
    return run(create).inode;
}

void Stage::remove(InodeNumber parent, const char* name, bool is_directory) {
    run(Unlink{parent, name, is_directory ? Unlink::Of::directory : Unlink::Of::file, now()});
}

void Stage::rename(InodeNumber old_parent, const char* old_name, InodeNumber new_parent,
                   const char* new_name) {
    run(Rename{old_parent, old_name, new_parent, new_name, false, false, now()});
}

void Stage::truncate(InodeNumber inode, std::uint64_t size) {
    SetAttributes set;
    set.inode = inode;
    set.set_size = true;
    set.size_bytes = size;
    set.now = now();
    run(set);
}

void Stage::open_and_release(InodeNumber inode) {
    auto handle = fs().try_open(inode);
    if (!handle) handle.emplace(wait_for(fs().open(inode)));
    fs().release(handle->value());
}

void Stage::read(InodeNumber inode, std::uint64_t offset, std::size_t size) {
    auto reply = fs().try_read(inode, offset, size);
    if (!reply) reply.emplace(wait_for(fs().read(inode, offset, size)));
    ASSERT_TRUE(*reply);
    std::size_t bytes = 0;
    for (const SharedBytes& piece : reply->value().pieces) bytes += piece.size();
    EXPECT_EQ(bytes, reply->value().size_bytes);
}

void Stage::write(InodeNumber inode, std::uint64_t offset, std::size_t size) {
    const ByteSpan data = as_bytes(std::string_view(content_).substr(0, size));
    auto reply = fs().try_write(inode, offset, data, now());
    if (!reply) reply.emplace(wait_for(fs().write(inode, offset, SharedBytes::copy_of(data), now())));
    ASSERT_TRUE(*reply);
    EXPECT_EQ(reply->value(), size);
}

void Stage::sync(InodeNumber inode) {
    EXPECT_TRUE(wait_for(fs().sync(inode)));
}

void Stage::sync_all() {
    EXPECT_TRUE(wait_for(fs().sync_all()));
}

void Stage::statfs() {
    EXPECT_TRUE(wait_for(fs().space()));
}

}  // namespace demofs::fs::test
