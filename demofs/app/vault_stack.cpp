// The order in which the parts of a vault come up. Reading the log and finding the last commit comes before
// anything can write: what recovery finds wrong is refused with the vault untouched.
#include "demofs/app/vault_stack.hpp"

#include <algorithm>
#include <asyncdrop/even_if_cancelled.hpp>
#include <utility>

#include "demofs/app/local_state.hpp"
#include "demofs/app/verdict.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/random.hpp"
#include "demofs/block/log_reader.hpp"
#include "demofs/block/segment.hpp"
#include "demofs/tree/commit_record.hpp"
#include "demofs/tree/session_graph.hpp"

namespace demofs::app {

namespace asio = boost::asio;

namespace {

store::LocalStoreOptions store_options(Access access) {
    store::LocalStoreOptions options;
    options.access = access == Access::read_only ? store::LocalAccess::read_only_beside_writer
                                                 : store::LocalAccess::read_write;
    return options;
}

ReplicaId new_replica() {
    ReplicaId replica;
    fill_random(replica.bytes);
    return replica;
}

}  // namespace

VaultStack::VaultStack(asio::any_io_executor executor, std::string directory, const crypto::VaultKeys& keys,
                       Notice notice, asyncdrop::TeardownSettings teardown_settings)
    : executor_(std::move(executor)),
      directory_(std::move(directory)),
      keys_(keys),
      notice_(std::move(notice)),
      graph_(asyncdrop::TeardownGraph::create(std::move(teardown_settings))) {}

asio::awaitable<void> VaultStack::open(Access access, StackSettings settings) {
    auto pool = WorkerPool::make(settings.worker_threads);
    pool_ = &*pool;
    const auto pool_node = graph_->add("worker pool", std::move(pool));

    if (access == Access::create) co_await store::LocalObjectStore::initialize(*pool_, directory_);
    store::LocalStoreOptions options = store_options(access);
    options.operations = &operations_;
    options.on_strangers = [this](const std::vector<std::string>& names) { note_strangers(names); };
    std::string unusable;
    auto io = store::open_io_engine(executor_, *pool_, &unusable);
    store::IoEngine& engine = *io;
    const auto io_node = graph_->add("store input and output", std::move(io), asyncdrop::uses(pool_node));
    if (!unusable.empty()) notice_(unusable + "; worker threads read and write the vault, which is slower");
    auto opening = store::LocalObjectStore::open(engine, *pool_, directory_, options);
    auto store = co_await std::move(opening);
    store_ = &*store;
    store_node_ = graph_->add("object store", std::move(store), asyncdrop::uses(io_node, pool_node));
    if (settings.faults) {
        settings.faults->set_watch(&operations_);
        auto faulty = store::FaultObjectStore::make(*store_, settings.faults);
        store_ = &*faulty;
        store_node_ = graph_->add("store fault", std::move(faulty), asyncdrop::uses(store_node_));
    }

    // What was there is asked before what is there, so that a writer beside cannot make that look old.
    auto remembering = read_memory(access);
    Memory memory = co_await std::move(remembering);
    if (memory.stored) replica_ = memory.stored->replica;
    catalog_ = std::make_unique<block::SegmentCatalog>(*store_, keys_);
    co_await catalog_->refresh();
    segment_count_ = catalog_->segments().size();
    for (const auto& segment : catalog_->segments()) stored_bytes_ += segment.size_bytes;
    auto finding = find_state(access, settings, memory.stored);
    tree::Recovered recovered = co_await std::move(finding);

    // From here on the vault can be written: the block stores over a new segment, and the tree over them.
    block::BlockSettings block_settings;
    block_settings.cache_bytes = settings.cache_bytes;
    block_settings.unsynced_limit_bytes = settings.dirty_bytes;
    tree::TreeSettings tree_settings;
    tree_settings.node_cache_bytes = settings.tree_cache_bytes;
    tree_settings.seen_generation = recovered.seen_generation;
    fill_random(tree_settings.session.bytes);
    StateKeeper* keeper = nullptr;
    asyncdrop::NodeHandle<StateKeeper> keeper_node;
    if (access != Access::read_only) {
        if (!replica_) replica_ = new_replica();
        tree_settings.replica = *replica_;
        if (memory.file) {
            auto kept = StateKeeper::make(*memory.file, tree_settings.replica, memory.stored, notice_);
            keeper = &*kept;
            keeper_node = graph_->add("local state", std::move(kept));
        }
    }
    block::Origin origin(tree_settings.session);
    origin.replica = tree_settings.replica;
    if (recovered.record) origin.base = recovered.record->id();

    block::BlockStack blocks =
        block::make_block_stack(executor_, *store_, *pool_, keys_, *catalog_, block_settings, origin);
    block::BlockStore& cached = *blocks.cached;
    const auto log_node = graph_->add("segment log", std::move(blocks.log), asyncdrop::uses(store_node_));
    const auto pipeline_node = graph_->add("write pipeline", std::move(blocks.pipeline),
                                           asyncdrop::uses(log_node, store_node_, pool_node));
    const auto cache_node =
        graph_->add("block cache", std::move(blocks.cached), asyncdrop::uses(pipeline_node));

    tree_node_ = graph_->add("tree", tree::Tree::make(tree_settings, cached, std::move(recovered.record)),
                             asyncdrop::uses(cache_node));
    tree_ = &graph_->get(tree_node_);
    top_node_ = tree_node_;
    if (keeper != nullptr) {
        graph_->add_edge(keeper_node, tree_node_);
        top_node_ = keeper_node;
    }
    if (access != Access::create) {
        auto checking = tree::completeness_of(*tree_, *catalog_);
        const tree::Completeness found = co_await std::move(checking);
        verdict_ = std::max(verdict_, found.verdict);
        require_usable(found);
        if (!found.why.empty()) notice_(found.why);
    }
    // Before anything is written the memory holds the state that it is written on: an older one, if that was
    // accepted.
    if (keeper != nullptr) {
        auto starting =
            keeper->start(executor_, settings.state_interval, [this] { return newest_durable(); });
        co_await std::move(starting);
    }
}

asio::awaitable<VaultStack::Memory> VaultStack::read_memory(Access access) {
    Memory memory;
    try {
        memory.file.emplace(state_folder(), keys_.vault_id());
    } catch (const Error& error) {
        notice_(std::string(error.what()) + ", so this machine remembers nothing of the vault");
        co_return memory;
    }
    std::vector<std::string> said;  // on the worker
    const Notice collect = [&said](const std::string& sentence) { said.push_back(sentence); };
    const auto job = [&memory, &collect] { return memory.file->read(collect); };
    memory.stored = co_await pool_->run(job);
    for (const std::string& sentence : said) notice_(sentence);
    if (access != Access::create && (!memory.stored || !memory.stored->newest)) {
        notice_("this machine remembers no state of the vault " + directory_ +
                ", so it takes the one that is there for the newest");
    }
    co_return memory;
}

// The commit to start on, which may be used in this way.
asio::awaitable<tree::Recovered> VaultStack::find_state(Access access, const StackSettings& settings,
                                                        const std::optional<LocalState>& stored) {
    block::LogReader reader(*store_, *catalog_);
    tree::RecoverySettings recovery;
    if (stored) recovery.known = stored->newest;
    recovery.history = settings.history;
    recovery.accept_fork = settings.accept_fork;
    recovery.accept_rollback = settings.accept_rollback;
    auto recovering = tree::recover(reader, recovery);
    tree::Recovered recovered = co_await std::move(recovering);
    verdict_ = recovered.verdict;
    histories_ = recovered.histories;
    if (histories_.empty() && recovered.record) histories_.push_back(tree::history_of(*recovered.record));
    for (const std::string& note : recovered.notes) notice_(note);
    if (access == Access::create) {
        if (segment_count_ != 0) throw Error(std::errc::file_exists, directory_ + " holds segments already");
        co_return recovered;
    }
    require_usable(recovered, access == Access::read_write, directory_);
    if (!recovered.why.empty()) notice_(recovered.why);
    co_return recovered;
}

std::optional<tree::ReplicaVersion> VaultStack::newest_durable() const {
    const tree::CommitRecord* const last = tree_->last_commit();
    if (last == nullptr) return std::nullopt;
    return tree::version_of(*last);
}

// The lock is for the processes of this machine. What another one has written while it did not know of us arrives
// as files that nobody here has made: the sooner that is said, the less is there to choose between.
void VaultStack::note_strangers(const std::vector<std::string>& names) {
    const bool segments = std::ranges::any_of(
        names, [this](const std::string& name) { return block::segment_of_object(keys_, name).has_value(); });
    if (!segments || std::exchange(told_of_strangers_, true)) return;
    notice_("another machine has written to the vault " + directory_ +
            " while it is mounted here, so from now on it has two histories: unmount it on one of the two; "
            "demofs fork list shows what each has");
}

asio::awaitable<void> VaultStack::use(Access access, Work work, StackSettings settings) {
    std::exception_ptr failed;
    try {
        auto opening = open(access, settings);
        co_await std::move(opening);
        auto working = work(*this);
        co_await std::move(working);
    } catch (...) {
        failed = std::current_exception();
    }
    auto closing = tear_down();
    const asyncdrop::TeardownReport report = co_await std::move(closing);
    if (!failed) failed = report.first_error();
    if (failed) std::rethrow_exception(failed);
}

asio::awaitable<asyncdrop::TeardownReport> VaultStack::tear_down() {
    co_await asyncdrop::even_if_cancelled;
    auto running = graph_->run();
    const asyncdrop::TeardownReport report = co_await std::move(running);
    torn_down_ = true;  // the graph is not asked while it is dropped
    co_await asyncdrop::even_if_cancelled;
    co_await graph_.async_drop();
    catalog_.reset();
    co_return report;
}

}  // namespace demofs::app
