// The folder that a salvage writes into: new or empty, for its owner only, and never left.
//
// Everything is made relative to the open folder, name by name, without following a symbolic link, and
// nothing that is there is replaced. As root the owners of files are kept; else their set-user-id and
// set-group-id bits are not.
//
// Threads: the core thread; what blocks runs on the pool. Dropping makes everything durable.
#pragma once

#include <asyncdrop/box.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>

#include "demofs/base/worker_pool.hpp"
#include "demofs/fs/salvage/salvage_output.hpp"
#include "demofs/store/file_descriptor.hpp"

namespace demofs::app {

/// Throws Failure(exit_usage or exit_failure) if `folder` cannot be salvaged into: it is in the way of
/// `vault` (the directory of that, absolute, without symlinks), or there is something else than an empty
/// folder. Changes nothing.
void require_usable_output(const std::string& folder, const std::string& vault);

class OutputFolder final : public fs::SalvageOutput {
  public:
    OutputFolder(asyncdrop::Passkey<OutputFolder>, WorkerPool& pool, std::string path,
                 store::FileDescriptor root);

    /// Makes `path` (mode 0700), or takes it if it is an empty folder of this user, and gives it that mode.
    /// `pool` must outlive the drop. Throws Error.
    [[nodiscard]] static boost::asio::awaitable<asyncdrop::AsyncDropBox<OutputFolder>> open(WorkerPool& pool,
                                                                                            std::string path);

    boost::asio::awaitable<void> make_directory(std::string path) override;
    boost::asio::awaitable<void> create_file(std::string path) override;
    boost::asio::awaitable<void> write(std::uint64_t offset, std::vector<SharedBytes> pieces) override;
    boost::asio::awaitable<void> finish_file(std::uint64_t size_bytes,
                                             std::optional<fs::OutputAttributes> attributes) override;
    boost::asio::awaitable<void> make_symlink(std::string path, std::string target,
                                              std::optional<fs::OutputAttributes> attributes) override;
    boost::asio::awaitable<void> make_special(std::string path, std::uint32_t type, std::uint32_t device,
                                              std::optional<fs::OutputAttributes> attributes) override;
    boost::asio::awaitable<void> make_link(std::string existing, std::string path) override;
    boost::asio::awaitable<void> finish_directory(std::string path, fs::OutputAttributes attributes) override;

    /// Syncs the filesystem that the folder is in, and closes it. Throws Error if that fails: then what was
    /// written may not survive a loss of power.
    boost::asio::awaitable<void> async_drop_impl();

  private:
    // On a worker, one at a time:
    const store::FileDescriptor& directory_of(const std::string& path);
    store::FileDescriptor open_directory(const std::string& path) const;
    void keep_attributes(int file, const std::string& path, const fs::OutputAttributes& attributes) const;
    void keep_attributes_of_name(const std::string& path, const fs::OutputAttributes& attributes,
                                 bool has_mode);
    std::string described(const std::string& path) const { return path_ + "/" + path; }

    WorkerPool& pool_;
    std::string path_;
    store::FileDescriptor root_;
    std::string recent_path_;  // of recent_
    store::FileDescriptor recent_;
    std::string file_path_;  // of file_
    store::FileDescriptor file_;
};

}  // namespace demofs::app
