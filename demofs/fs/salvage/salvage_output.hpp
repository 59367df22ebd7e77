// Where salvaged files go: a folder outside of the vault.
//
// Paths are relative, of names that are neither empty nor "." or ".." and have no "/": the salvage sees to
// it. A directory is made before what is in it.
//
// Threads: the core thread. One operation at a time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/fs/model/attributes.hpp"

namespace demofs::fs {

/// What of an inode is kept outside of the vault.
struct OutputAttributes {
    std::uint32_t mode = 0;  ///< permission bits, without the type
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    Timestamp accessed;
    Timestamp modified;
};

/// All functions throw Error. One that means that this name cannot be used here (EEXIST, ENAMETOOLONG,
/// EINVAL, EILSEQ, EPERM, ENOTSUP) leaves things as they were; any other ends the salvage.
class SalvageOutput {
  public:
    SalvageOutput(const SalvageOutput&) = delete;
    SalvageOutput& operator=(const SalvageOutput&) = delete;
    virtual ~SalvageOutput() = default;

    [[nodiscard]] virtual boost::asio::awaitable<void> make_directory(std::string path) = 0;

    /// Makes an empty file; write() goes to it until finish_file(). Never replaces anything.
    [[nodiscard]] virtual boost::asio::awaitable<void> create_file(std::string path) = 0;
    /// Writes `pieces`, one behind the other, from `offset` of the file on.
    [[nodiscard]] virtual boost::asio::awaitable<void> write(std::uint64_t offset,
                                                             std::vector<SharedBytes> pieces) = 0;
    /// Gives the file its size (what was not written reads as zeros) and attributes, if they are known.
    [[nodiscard]] virtual boost::asio::awaitable<void> finish_file(
        std::uint64_t size_bytes, std::optional<OutputAttributes> attributes) = 0;

    [[nodiscard]] virtual boost::asio::awaitable<void> make_symlink(
        std::string path, std::string target, std::optional<OutputAttributes> attributes) = 0;
    /// A pipe, a socket or a device; `type` is the S_IFMT bits.
    [[nodiscard]] virtual boost::asio::awaitable<void> make_special(
        std::string path, std::uint32_t type, std::uint32_t device,
        std::optional<OutputAttributes> attributes) = 0;
    /// Another name for the file at `existing`.
    [[nodiscard]] virtual boost::asio::awaitable<void> make_link(std::string existing, std::string path) = 0;

    /// Of a directory, when nothing more is put into it or below.
    [[nodiscard]] virtual boost::asio::awaitable<void> finish_directory(std::string path,
                                                                        OutputAttributes attributes) = 0;

  protected:
    SalvageOutput() = default;
};

}  // namespace demofs::fs
