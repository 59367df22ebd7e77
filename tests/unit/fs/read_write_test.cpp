#include "mounted_vault.hpp"

namespace demofs::fs::test {
namespace {

TEST(ReadWrite, WhatWasWrittenIsRead) {
    Vault vault;
    Mount mount(vault);
    const InodeNumber file = mount.file(root_inode, "hello");
    EXPECT_EQ(mount.write(file, 0, "Hello, world").value(), 12u);
    EXPECT_EQ(mount.content(file), "Hello, world");
    EXPECT_EQ(mount.unmount(), nullptr);
}

}  // namespace
}  // namespace demofs::fs::test
