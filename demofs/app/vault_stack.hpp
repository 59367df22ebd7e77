// An open vault from the object store up to the tree: what init, mount and info have in common.
//
// Every part is a node of one teardown graph from the moment it exists, so a vault that fails to open
// half-way and one that was used for days come down the same way: tear_down().
//
// Threads: the core.
#pragma once

#include <algorithm>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/teardown_graph.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "demofs/app/state_keeper.hpp"
#include "demofs/app/vault.hpp"
#include "demofs/base/worker_pool.hpp"
#include "demofs/block/block_stack.hpp"
#include "demofs/crypto/keys.hpp"
#include "demofs/store/fault_object_store.hpp"
#include "demofs/store/io/io_engine.hpp"
#include "demofs/store/local_object_store.hpp"
#include "demofs/store/operation_watch.hpp"
#include "demofs/tree/recovery.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::app {

enum class Access {
    create,      ///< a new vault: there must be no segments yet
    read_write,  ///< takes the vault's lock
    read_only,   ///< no lock; sees the last commit
};

struct StackSettings {
    std::size_t cache_bytes = std::size_t{16} << 20;
    std::size_t tree_cache_bytes = std::size_t{64} << 20;
    std::size_t dirty_bytes = std::size_t{16} << 20;
    /// They encrypt and decrypt what is large: by default as many as there are processors.
    std::size_t worker_threads = std::clamp(std::thread::hardware_concurrency(), 2u, 8u);
    std::optional<tree::HistoryId> history;  ///< of several, the one to show; none: the newest
    bool accept_fork = false;                ///< go on with one of several histories, and give up the others
    bool accept_rollback = false;            ///< go on with an older state than this machine has seen
    std::chrono::milliseconds state_interval{
        5000};                                 ///< between two writes of this machine's memory of the vault
    std::shared_ptr<store::FaultPlan> faults;  ///< that strike the object store; none: it has no such part
};

class VaultStack {
  public:
    /// `directory` is the vault's; `keys` must outlive tear_down(); `notice` gets what recovery has to say.
    VaultStack(boost::asio::any_io_executor executor, std::string directory, const crypto::VaultKeys& keys,
               Notice notice, asyncdrop::TeardownSettings teardown_settings = {});

    /// Opens everything. Throws Errc::vault_in_use, what require_usable does, vault_incomplete, corrupt, or the
    /// system's error; tear_down() is due then, too.
    boost::asio::awaitable<void> open(Access access, StackSettings settings);

    /// Opens, runs `work`, and tears down on every way out. Throws the first error of the three.
    using Work = std::function<boost::asio::awaitable<void>(VaultStack&)>;
    boost::asio::awaitable<void> use(Access access, Work work, StackSettings settings = {});

    /// Valid after open() until tear_down().
    store::ObjectStore& store() { return *store_; }
    /// What the store has not answered yet; valid always.
    const store::OperationWatch& operations() const { return operations_; }
    tree::Tree& tree() { return *tree_; }
    tree::Verdict verdict() const { return verdict_; }
    /// The one that is used first; several did not know of each other. Empty: nothing can be used.
    const std::vector<tree::HistoryHead>& histories() const { return histories_; }
    /// This machine's copy of the vault; none: it remembers none, and has opened the vault to read only.
    const std::optional<ReplicaId>& replica() const { return replica_; }
    std::size_t segment_count() const { return segment_count_; }
    std::uint64_t stored_bytes() const { return stored_bytes_; }

    /// To add what stands on the tree; `tree_node()` and `store_node()` are what it uses.
    asyncdrop::TeardownGraph& graph() { return *graph_; }
    asyncdrop::NodeHandle<tree::Tree> tree_node() const { return tree_node_; }
    asyncdrop::AnyNodeHandle store_node() const { return store_node_; }
    /// What is dropped right after the last user of the tree: whatever commits uses it.
    asyncdrop::AnyNodeHandle top_node() const { return top_node_; }

    /// How far the teardown has come; nothing when it is over.
    std::optional<asyncdrop::TeardownReport> so_far() const {
        if (torn_down_) return std::nullopt;
        return graph_->so_far();
    }

    /// Drops all parts, users first. Never throws for a part that failed: the report tells.
    boost::asio::awaitable<asyncdrop::TeardownReport> tear_down();

  private:
    // What this machine knows of the vault from earlier.
    struct Memory {
        std::optional<LocalStateFile> file;  // none: there is no folder for it
        std::optional<LocalState> stored;
    };
    boost::asio::awaitable<Memory> read_memory(Access access);
    boost::asio::awaitable<tree::Recovered> find_state(Access access, const StackSettings& settings,
                                                       const std::optional<LocalState>& stored);
    std::optional<tree::ReplicaVersion> newest_durable() const;
    void note_strangers(const std::vector<std::string>& names);

    boost::asio::any_io_executor executor_;
    std::string directory_;
    const crypto::VaultKeys& keys_;
    Notice notice_;
    store::OperationWatch operations_;
    asyncdrop::AsyncDropGuard<asyncdrop::TeardownGraph> graph_;
    std::unique_ptr<block::SegmentCatalog> catalog_;  // needs no cleanup; used until the log is gone
    WorkerPool* pool_ = nullptr;
    store::ObjectStore* store_ = nullptr;
    tree::Tree* tree_ = nullptr;
    asyncdrop::NodeHandle<tree::Tree> tree_node_;
    asyncdrop::AnyNodeHandle store_node_;
    asyncdrop::AnyNodeHandle top_node_;
    tree::Verdict verdict_ = tree::Verdict::clean;
    std::vector<tree::HistoryHead> histories_;
    std::optional<ReplicaId> replica_;
    bool torn_down_ = false;
    bool told_of_strangers_ = false;
    std::size_t segment_count_ = 0;
    std::uint64_t stored_bytes_ = 0;
};

}  // namespace demofs::app
