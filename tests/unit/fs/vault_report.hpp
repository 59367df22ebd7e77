// What recovery and check say of a vault that is not mounted.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <exception>

#include "demofs/fs/check/vault_check.hpp"
#include "mounted_vault.hpp"

namespace demofs::fs::test {

struct VaultReport {
    tree::Recovered recovered;
    CheckReport check;  // of the record; empty if there is none
};

inline VaultReport report_on(Vault& vault, bool read_data) {
    VaultReport report;
    auto look = [&]() -> asio::awaitable<void> {
        asyncdrop::AsyncDropBox<store::ObjectStore> store =
            store::MemoryObjectStore::open(vault.disk, vault.store_options);
        std::exception_ptr error;
        try {
            block::SegmentCatalog catalog(*store, vault.keys);
            co_await catalog.refresh();
            block::LogReader log(*store, catalog);
            report.recovered = co_await tree::recover(log, vault.recovery);
            CheckSettings settings;
            settings.read_data = read_data;
            if (report.recovered.record)
                report.check = co_await check_vault(log, *report.recovered.record, settings);
        } catch (...) {
            error = std::current_exception();
        }
        co_await store.async_drop();
        if (error) std::rethrow_exception(error);
    };
    test_support::run_coroutine(vault.context, look());
    return report;
}

}  // namespace demofs::fs::test
