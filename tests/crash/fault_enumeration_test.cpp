// Each store operation of a workload fails once, or from then on, in each way: whoever can know it is told, what
// does not need the store goes on, and after a loss of power the vault opens, in order, with everything that was
// acknowledged.
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "tests/unit/fs/vault_report.hpp"

namespace demofs::crash_test {
namespace {

using fs::Attributes;
using fs::root_inode;
using fs::test::Mount;
using fs::test::Vault;
using testing::IsEmpty;

// Content by name in the root directory.
using Files = std::map<std::string, std::string>;

struct Outcome {
    Files acknowledged;           // synced, and not touched since
    Files written;                // as every successful operation has left it
    std::size_t errors = 0;       // of operations
    std::size_t read_errors = 0;  // of those, of operations that change nothing
    bool unmount_failed = false;  // and said so
    bool told() const { return errors > 0 || unmount_failed; }
};

class FaultEnumeration : public testing::TestWithParam<bool> {
  protected:
    void configure(Vault& vault) {
        vault.store_options.sync_ends_object = GetParam();
        vault.store_options.reads_must_wait = true;
        vault.block_settings.segment_bytes = 128 * 1024;
        vault.block_settings.cache_bytes = 1;  // so that reads reach the store
        vault.tree_settings.node_bytes = 512;
        vault.tree_settings.node_cache_bytes = 1;
        vault.tree_settings.number_reserve = 4;
        vault.fs_settings.data_block_bytes = 4096;
        vault.fs_settings.inline_bytes = 256;
    }

    // What is there before anything fails.
    void fill(Vault& vault, Outcome& outcome) {
        Mount mount(vault);
        for (int i = 0; i < 4; ++i) {
            const std::string name = "before" + std::to_string(i);
            const std::string content(static_cast<std::size_t>(i) * 3000 + 100, static_cast<char>('a' + i));
            mount.write(mount.file(root_inode, name), 0, content).value();
            outcome.written[name] = outcome.acknowledged[name] = content;
        }
        ASSERT_EQ(mount.unmount(), nullptr);
    }

    template <class Reply>
    bool succeeded(const Result<Reply>& result, Outcome& outcome) {
        if (result) return true;
        ++outcome.errors;
        const std::errc error = result.error();
        EXPECT_TRUE(error == std::errc::io_error || error == std::errc::no_space_on_device ||
                    error == std::errc::read_only_file_system)
            << std::make_error_code(error).message();
        return false;
    }

    // A file is made, written and usually synced; now and then an old one is read, renamed or removed. Nothing
    // is known of a name whose operation has failed.
    void work(Mount& mount, Outcome& outcome) {
        const auto forget = [&](const std::string& name) {
            outcome.written.erase(name);
            outcome.acknowledged.erase(name);
        };
        for (int i = 0; i < 8; ++i) {
            const std::string name = "file" + std::to_string(i);
            const std::string content(static_cast<std::size_t>(i) * 1500 + 50, static_cast<char>('A' + i));
            const Result<Attributes> made = mount.make(root_inode, name, S_IFREG | 0644);
            if (!succeeded(made, outcome)) continue;
            if (!succeeded(mount.write(made->inode, 0, content), outcome)) continue;
            outcome.written[name] = content;
            if (i % 3 != 2 && succeeded(mount.sync(made->inode), outcome))
                outcome.acknowledged[name] = content;
        }
        read_all(mount, outcome);
        const std::string old = outcome.written["before1"];
        forget("before1");
        if (succeeded(mount.rename(root_inode, "before1", root_inode, "renamed"), outcome)) {
            outcome.written["renamed"] = old;
            if (succeeded(mount.sync(root_inode), outcome)) outcome.acknowledged["renamed"] = old;
        }
        forget("before2");
        static_cast<void>(succeeded(mount.unlink(root_inode, "before2"), outcome));
        static_cast<void>(succeeded(mount.sync_all(), outcome));
    }

    // What can be read is right; an attempt that fails is an error, and the next one may succeed.
    void read_all(Mount& mount, Outcome& outcome) {
        for (const auto& [name, content] : outcome.written) {
            const Result<Attributes> found = mount.lookup(root_inode, name);
            Result<std::string> text = std::errc::io_error;
            if (found) text = mount.read(found->inode, 0, static_cast<std::size_t>(found->size_bytes));
            if (succeeded(text, outcome)) {
                EXPECT_EQ(*text, content) << name;
            } else {
                ++outcome.read_errors;
            }
        }
    }

    // A mount during which `fault` is in force. A mount that cannot be made has told as well.
    void session(Vault& vault, Outcome& outcome) {
        std::optional<Mount> mount;
        try {
            mount.emplace(vault);
        } catch (const std::system_error&) {
            outcome.unmount_failed = true;
            return;
        }
        work(*mount, outcome);
        outcome.unmount_failed = mount->unmount() != nullptr;
    }

    void verify(Vault& vault, const Outcome& outcome) {
        vault.faults = nullptr;
        vault.disk = std::make_shared<store::MemoryDisk>(vault.disk->crashed(store::lose_unsynced()));
        const fs::test::VaultReport report = fs::test::report_on(vault, true);
        ASSERT_LE(report.recovered.verdict, tree::Verdict::crash_tail) << report.recovered.why;
        ASSERT_THAT(report.check.findings, IsEmpty());
        Mount mount(vault);
        // Nobody was told of a failure: then there is none.
        const Files& expected = outcome.told() ? outcome.acknowledged : outcome.written;
        for (const auto& [name, content] : expected) {
            const Result<Attributes> found = mount.lookup(root_inode, name);
            ASSERT_TRUE(found) << name << " is missing";
            ASSERT_EQ(mount.content(found->inode), content) << name;
        }
        const InodeNumber file = mount.file(root_inode, "afterwards");
        mount.write(file, 0, "works").value();
        ASSERT_TRUE(mount.sync(file));
        ASSERT_EQ(mount.unmount(), nullptr);
    }

    // Runs with the n-th operation failing; false if there were not so many.
    bool run(const store::Fault& fault) {
        Vault vault;
        configure(vault);
        Outcome outcome;
        fill(vault, outcome);
        const auto faults = std::make_shared<store::FaultPlan>();
        faults->add(fault);
        vault.faults = faults;
        session(vault, outcome);
        const bool reached = faults->strikes() > 0;
        struck_ += reached ? 1 : 0;
        told_ += outcome.told() ? 1 : 0;
        if (!reached) {
            EXPECT_FALSE(outcome.told());
        } else if (!outcome.told()) {
            // A tree node is read with its neighbours, and again alone if that fails: then nobody has missed
            // anything, which verify() sees.
            EXPECT_EQ(faults->read_strikes(), faults->strikes()) << "somebody must be told";
            EXPECT_FALSE(fault.persistent);
            ++spared_;
        }
        if (fault.kind == store::OperationKind::read && !fault.persistent) {
            EXPECT_LE(outcome.errors + (outcome.unmount_failed ? 1 : 0), 1u) << "one attempt has failed";
        }
        if (fault.kind && fault.kind != store::OperationKind::read) {
            EXPECT_EQ(outcome.read_errors, 0u) << "reading has nothing to do with it";
        }
        verify(vault, outcome);
        return reached && !testing::Test::HasFailure();
    }

    store::StoreCounters operations_of_a_session() {
        Vault vault;
        configure(vault);
        Outcome outcome;
        fill(vault, outcome);
        *vault.counters = {};
        session(vault, outcome);
        EXPECT_FALSE(outcome.told());
        return *vault.counters;
    }

    std::size_t struck_ = 0;
    std::size_t told_ = 0;
    std::size_t spared_ = 0;  // struck a read that was made good by another one
};

TEST_P(FaultEnumeration, AnyOperationFails) {
    for (const std::errc error : {std::errc::io_error, std::errc::no_space_on_device}) {
        for (const bool persistent : {false, true}) {
            for (const bool applied : {false, true}) {
                store::Fault fault;
                fault.error = error;
                fault.persistent = persistent;
                fault.applied = applied;
                do {
                    SCOPED_TRACE(
                        std::make_error_code(error).message() + (persistent ? ", for good" : ", once") +
                        (applied ? ", after it was done" : "") + ", operation " + std::to_string(fault.nth));
                    if (!run(fault)) break;
                } while (++fault.nth > 0);
                if (HasFailure()) return;
            }
        }
    }
    EXPECT_GT(struck_, 300u);
    EXPECT_EQ(told_ + spared_, struck_);
    EXPECT_LT(spared_, 10u);
    std::cout << struck_ << " faults, " << told_ << " of them told, " << spared_
              << " made good by another read\n";
}

// By kind, so that the n-th of each is met whatever came between.
TEST_P(FaultEnumeration, EachKindFails) {
    using store::OperationKind;
    const store::StoreCounters all = operations_of_a_session();
    const std::pair<OperationKind, std::uint64_t> kinds[] = {{OperationKind::create, all.creates},
                                                             {OperationKind::append, all.appends},
                                                             {OperationKind::sync, all.syncs},
                                                             {OperationKind::seal, all.seals},
                                                             {OperationKind::read, all.reads},
                                                             {OperationKind::list, all.lists},
                                                             {OperationKind::space, 2},
                                                             {OperationKind::close_writer, all.creates},
                                                             {OperationKind::close_store, 1}};
    for (const auto& [kind, count] : kinds) {
        struck_ = told_ = spared_ = 0;
        for (const bool persistent : {false, true}) {
            store::Fault fault;
            fault.kind = kind;
            fault.persistent = persistent;
            for (fault.nth = 1; fault.nth <= count; ++fault.nth) {
                SCOPED_TRACE(std::string(to_string(kind)) + " " + std::to_string(fault.nth));
                run(fault);
                if (HasFailure()) return;
            }
        }
        std::cout << to_string(kind) << ": " << struck_ << " faults, " << told_ << " of them told\n";
        EXPECT_EQ(told_ + spared_, struck_) << to_string(kind);
        EXPECT_LT(spared_, 5u);
    }
}

// A sync fails, and what it was to cover stays in the system's cache for everybody to read, as if it were there.
TEST_P(FaultEnumeration, ASyncFailsAndItsBytesStayInTheCache) {
    for (std::uint64_t nth = 1;; ++nth) {
        SCOPED_TRACE("sync " + std::to_string(nth));
        Vault vault;
        configure(vault);
        Outcome outcome;
        fill(vault, outcome);
        vault.disk->fail_sync(nth);
        session(vault, outcome);
        const bool reached = outcome.told();
        vault.disk->fail_sync(0);
        // The next mount finds those bytes in the cache, and must not build on them.
        Outcome next;
        next.acknowledged = outcome.acknowledged;
        {
            Mount mount(vault);
            const InodeNumber file = mount.file(root_inode, "next");
            mount.write(file, 0, std::string(5000, 'n')).value();
            ASSERT_TRUE(mount.sync(file));
            next.acknowledged["next"] = std::string(5000, 'n');
            ASSERT_EQ(mount.unmount(), nullptr);
        }
        next.errors = 1;  // only what was acknowledged counts
        verify(vault, next);
        if (HasFailure()) return;
        if (!reached) {
            EXPECT_GT(nth, 5u);
            std::cout << nth - 1 << " syncs\n";
            return;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Stores, FaultEnumeration, testing::Bool(), [](const auto& parameters) {
    return parameters.param ? std::string("SyncEndsObject") : std::string("Appendable");
});

}  // namespace
}  // namespace demofs::crash_test
