// Each operation is one blocking system call on a worker.
#include "demofs/store/io/worker_engine.hpp"

#include <unistd.h>

#include <cerrno>

namespace demofs::store {
namespace {

// Blocks: on a worker.
int perform(const IoOperation& operation) {
    const auto pieces = static_cast<int>(operation.memory.size());
    const auto offset = static_cast<off_t>(operation.offset);
    ssize_t result = 0;
    switch (operation.kind) {
        case IoOperation::Kind::read:
            result = ::preadv2(operation.file, operation.memory.data(), pieces, offset, 0);
            break;
        case IoOperation::Kind::write:
            result = ::pwritev2(operation.file, operation.memory.data(), pieces, offset, 0);
            break;
        case IoOperation::Kind::write_durably:
            result = ::pwritev2(operation.file, operation.memory.data(), pieces, offset, RWF_DSYNC);
            break;
        case IoOperation::Kind::sync:
            result = ::fdatasync(operation.file);
            break;
    }
    return result < 0 ? -errno : static_cast<int>(result);
}

}  // namespace

asyncdrop::AsyncDropBox<WorkerEngine> WorkerEngine::make(WorkerPool& pool) {
    return asyncdrop::make_box<WorkerEngine>(pool);
}

asio::awaitable<void> WorkerEngine::run(IoOperation& operation) {
    const auto job = [&operation] { operation.result = perform(operation); };
    co_await pool_.run(job);
}

}  // namespace demofs::store
