// The file is written beside its place and renamed, so that it is whole or not there.
#include "demofs/app/local_state.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "demofs/base/error.hpp"
#include "demofs/base/random.hpp"
#include "demofs/store/file_descriptor.hpp"

namespace demofs::app {

namespace {

namespace files = std::filesystem;

std::string hex(std::span<const std::byte> bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : bytes) {
        text += digits[std::to_integer<unsigned>(byte) >> 4];
        text += digits[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}

std::optional<ReplicaId> replica_of(const std::string& text) {
    ReplicaId replica;
    if (text.size() != 2 * replica.bytes.size()) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::size_t digit = std::string_view("0123456789abcdef").find(text[i]);
        if (digit == std::string_view::npos) return std::nullopt;
        replica.bytes[i / 2] |= std::byte(i % 2 == 0 ? digit << 4 : digit);
    }
    return replica;
}

// Nothing: there is no file, or none that can be used.
std::optional<ReplicaId> read_replica(const files::path& file, const Notice& notice) {
    std::ifstream in(file);
    if (!in) return std::nullopt;
    const nlohmann::json state = nlohmann::json::parse(in, nullptr, false);
    if (state.is_object() && state.contains("replica") && state["replica"].is_string()) {
        if (const auto replica = replica_of(state["replica"].get<std::string>())) return replica;
    }
    notice("the file " + file.string() + " cannot be used and is written anew");
    return std::nullopt;
}

void write_replica(const files::path& file, const ReplicaId& replica) {
    files::create_directories(file.parent_path());
    const std::string text = nlohmann::json{{"replica", hex(replica.bytes)}}.dump() + "\n";
    const std::string temporary = file.string() + ".new";
    constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    const store::FileDescriptor out(::open(temporary.c_str(), flags, S_IRUSR | S_IWUSR));
    if (!out) throw Error(errno, "Cannot create " + temporary);
    if (::write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(out.get()) != 0)
        throw Error(errno, "Cannot write " + temporary);
    files::rename(temporary, file);
    const store::FileDescriptor folder = store::open_directory(file.parent_path());
    store::sync_directory(folder, file.parent_path());
}

}  // namespace

files::path state_folder() {
    const char* const state = ::secure_getenv("XDG_STATE_HOME");
    if (state != nullptr && *state == '/') return files::path(state) / "demofs";
    const char* const home = ::secure_getenv("HOME");
    if (home != nullptr && *home == '/') return files::path(home) / ".local/state/demofs";
    throw Error(ENOENT, "Neither XDG_STATE_HOME nor HOME names a folder");
}

ReplicaId local_replica(const files::path& folder, const crypto::VaultId& vault, const Notice& notice) {
    const files::path file = folder / (hex(vault) + ".json");
    if (const auto known = read_replica(file, notice)) return *known;
    ReplicaId replica;
    fill_random(replica.bytes);
    try {
        write_replica(file, replica);
    } catch (const std::exception& error) {
        notice(
            "this machine's state of the vault cannot be kept, so this mount counts as a new copy of it: " +
            std::string(error.what()));
    }
    return replica;
}

}  // namespace demofs::app
