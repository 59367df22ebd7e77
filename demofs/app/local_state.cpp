// The file is written beside its place and renamed, so that it is whole or not there.
#include "demofs/app/local_state.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "demofs/base/error.hpp"
#include "demofs/crypto/hex.hpp"
#include "demofs/store/file_descriptor.hpp"

namespace demofs::app {

namespace {

namespace files = std::filesystem;

using Json = nlohmann::json;

// Throws nlohmann's exceptions, or Error, for what write() does not produce.
template <class Id>
Id id_of(const Json& text) {
    Id id;
    if (!crypto::from_hex(text.get_ref<const std::string&>(), id.bytes))
        throw Error(Errc::corrupt, "an id has another form");
    return id;
}

LocalState state_of(const Json& json) {
    LocalState state;
    state.replica = id_of<ReplicaId>(json.at("replica"));
    if (!json.contains("newest")) return state;  // never written to
    const Json& newest = json.at("newest");
    tree::ReplicaVersion version;
    version.replica = id_of<ReplicaId>(newest.at("replica"));
    version.commit.session = id_of<SessionId>(newest.at("session"));
    version.commit.generation = Generation{newest.at("generation").get<std::uint64_t>()};
    state.newest = version;
    return state;
}

Json json_of(const LocalState& state) {
    Json json{{"replica", crypto::to_hex(state.replica.bytes)}};
    if (state.newest) {
        json["newest"] = {{"replica", crypto::to_hex(state.newest->replica.bytes)},
                          {"session", crypto::to_hex(state.newest->commit.session.bytes)},
                          {"generation", raw(state.newest->commit.generation)}};
    }
    return json;
}

void write_file(const files::path& file, const std::string& text) {
    constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    const store::FileDescriptor out(::open(file.c_str(), flags, S_IRUSR | S_IWUSR));
    if (!out) throw Error(errno, "Cannot create " + file.string());
    const ssize_t written = ::write(out.get(), text.data(), text.size());
    if (written >= 0 && written != static_cast<ssize_t>(text.size())) errno = ENOSPC;
    if (written != static_cast<ssize_t>(text.size()) || ::fsync(out.get()) != 0)
        throw Error(errno, "Cannot write " + file.string());
}

}  // namespace

files::path state_folder() {
    const char* const state = ::secure_getenv("XDG_STATE_HOME");
    if (state != nullptr && *state == '/') return files::path(state) / "demofs";
    const char* const home = ::secure_getenv("HOME");
    if (home != nullptr && *home == '/') return files::path(home) / ".local/state/demofs";
    throw Error(ENOENT, "Neither XDG_STATE_HOME nor HOME names a folder");
}

LocalStateFile::LocalStateFile(const files::path& folder, const crypto::VaultId& vault)
    : file_(folder / (crypto::to_hex(vault) + ".json")) {}

std::optional<LocalState> LocalStateFile::read(const Notice& notice) const {
    std::ifstream in(file_);
    if (!in) return std::nullopt;
    try {
        return state_of(Json::parse(in));
    } catch (const std::exception& error) {
        notice("the file " + file_.string() + " cannot be used: " + error.what());
    }
    return std::nullopt;
}

void LocalStateFile::write(const LocalState& state) const {
    const files::path folder = file_.parent_path();
    files::path beside = file_;
    beside += ".new";
    files::create_directories(folder);
    try {
        write_file(beside, json_of(state).dump() + "\n");
        files::rename(beside, file_);
    } catch (...) {
        std::error_code ignored;
        files::remove(beside, ignored);
        throw;
    }
    store::sync_directory(folder);
}

}  // namespace demofs::app
