// First what can be known, then the files.
#include "demofs/fs/salvage/salvage.hpp"

#include <asyncdrop/even_if_cancelled.hpp>
#include <exception>
#include <utility>

#include "demofs/fs/salvage/salvage_files.hpp"
#include "demofs/fs/salvage/salvage_state.hpp"
#include "demofs/store/lenient_object_store.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

asio::awaitable<SalvageReport> salvage(store::ObjectStore& store, const crypto::VaultKeys& keys,
                                       SalvageOutput& output, SalvageSettings settings) {
    asyncdrop::AsyncDropBox<store::LenientObjectStore> lenient = store::LenientObjectStore::make(store);
    SalvageReport report;
    std::exception_ptr error;
    try {
        SalvageState state(store, *lenient, keys, settings, report);
        co_await state.find();
        SalvageFiles files(*lenient, state, output, settings, report);
        co_await files.write_all();
        if (lenient->unreadable_bytes() > 0)
            report.notes.push_back("The disk could not read some of the vault's files.");
    } catch (...) {
        error = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    co_await lenient.async_drop();
    if (error) std::rethrow_exception(error);
    co_return report;
}

}  // namespace demofs::fs
