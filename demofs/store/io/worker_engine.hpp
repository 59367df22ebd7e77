// Input and output by plain system calls on a worker pool: where io_uring is missing or forbidden.
//
// Threads: as IoEngine.

#pragma once

#include <asyncdrop/passkey.hpp>

#include "demofs/store/io/io_engine.hpp"

namespace demofs::store {

class WorkerEngine final : public IoEngine {
  public:
    WorkerEngine(asyncdrop::Passkey<WorkerEngine>, WorkerPool& pool) : pool_(pool) {}

    /// `pool` must outlive it.
    [[nodiscard]] static asyncdrop::AsyncDropBox<WorkerEngine> make(WorkerPool& pool);

    asio::awaitable<void> run(IoOperation& operation) override;
    std::string_view name() const noexcept override { return "worker threads"; }
    /// Does nothing: whoever runs an operation awaits it, and the pool ends after its last job.
    asio::awaitable<void> async_drop_impl() override { co_return; }

  private:
    WorkerPool& pool_;
};

}  // namespace demofs::store
