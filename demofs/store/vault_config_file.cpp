// demofs.json on the disk. A new one is written beside the old one, synced, and then renamed over it, so that
// a crash leaves one or the other: a vault without it is lost.
#include "demofs/store/vault_config_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>

#include "demofs/base/error.hpp"
#include "demofs/store/file_descriptor.hpp"

namespace demofs::store {

namespace fs = std::filesystem;

namespace {

// A configuration is about a KiB; whatever is this large is something else.
constexpr std::size_t max_config_bytes = std::size_t{1} << 20;

// Nothing if there is no such file.
std::optional<std::string> read_file(const fs::path& path) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) {
        if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
        throw Error(errno, "cannot open " + path.string());
    }
    std::string text;
    std::array<char, 4096> piece{};
    while (text.size() <= max_config_bytes) {
        const ssize_t count = ::read(file.get(), piece.data(), piece.size());
        if (count == 0) break;
        if (count > 0) {
            text.append(piece.data(), static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            throw Error(errno, "cannot read " + path.string());
        }
    }
    return text;
}

void write_all(int fd, std::string_view text, const fs::path& path) {
    while (!text.empty()) {
        const ssize_t count = ::write(fd, text.data(), text.size());
        if (count >= 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            throw Error(errno, "cannot write " + path.string());
        }
    }
}

// Whoever could read the old file can read the new one, also if root changes somebody else's vault.
void take_owner_and_mode(int fd, const fs::path& target, const fs::path& path) {
    struct stat old{};
    struct stat made{};
    if (::stat(target.c_str(), &old) != 0 || !S_ISREG(old.st_mode)) return;
    if (::fstat(fd, &made) != 0) throw Error(errno, "cannot examine " + path.string());
    if ((made.st_uid != old.st_uid || made.st_gid != old.st_gid) && ::fchown(fd, old.st_uid, old.st_gid) != 0)
        throw Error(errno, "cannot give " + path.string() + " to the owner of " + target.string());
    if (::fchmod(fd, old.st_mode & 0777) != 0) throw Error(errno, "cannot set the mode of " + path.string());
}

void replace_file(const fs::path& directory, std::string_view name, std::string_view text) {
    const fs::path target = directory / name;
    const fs::path temporary = directory / (std::string(name) + ".tmp");
    if (::unlink(temporary.c_str()) != 0 && errno != ENOENT)  // a crash's leftover
        throw Error(errno, "cannot remove " + temporary.string());
    FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) throw Error(errno, "cannot create " + temporary.string());
    try {
        take_owner_and_mode(file.get(), target, temporary);
        write_all(file.get(), text, temporary);
        if (::fsync(file.get()) != 0) throw Error(errno, "cannot sync " + temporary.string());
        // Some file systems (NFS) report a failed write only here.
        if (const int error = file.close()) throw Error(error, "cannot close " + temporary.string());
        if (::rename(temporary.c_str(), target.c_str()) != 0)
            throw Error(errno, "cannot replace " + target.string());
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    sync_directory(directory);
}

// One copy, read and judged.
struct Copy {
    std::optional<std::string> text;  // nothing: missing or not readable
    std::string problem;              // empty: usable
    std::error_code cause;            // what `problem` is
    std::exception_ptr unreadable;    // set if it is there, but the system does not let us read it
};

Copy read_copy(const fs::path& path, const std::function<void(std::string_view)>& check) {
    Copy copy;
    try {
        copy.text = read_file(path);
    } catch (const Error& error) {
        copy.problem = error.what();
        copy.unreadable = std::current_exception();
        return copy;
    }
    if (!copy.text) {
        copy.problem = path.string() + " is missing";
        copy.cause = Errc::not_a_vault;
        return copy;
    }
    try {
        check(*copy.text);
    } catch (const Error& error) {
        const std::string problem = path.string() + ": " + error.what();
        if (error.code() == Errc::unsupported_format) throw Error(Errc::unsupported_format, problem);
        copy.problem = problem;
        copy.cause = error.code();
    }
    return copy;
}

// The second copy is only compared: nothing depends on it now, but the user may need it one day.
std::optional<std::string> notice_about_second(const fs::path& path, const std::string& first_text) {
    try {
        const auto second_text = read_file(path);
        if (!second_text) return path.string() + ", the second copy of the key slots, is missing";
        if (*second_text == first_text) return std::nullopt;
        return path.string() + " differs from " + std::string(vault_config_name) +
               " and may still open with an earlier password; the next change of the key slots makes them "
               "the same";
    } catch (const Error& error) {
        return error.what();
    }
}

}  // namespace

VaultConfigText read_vault_config(const fs::path& vault, const std::function<void(std::string_view)>& check) {
    const fs::path second_path = vault / vault_config_backup_name;
    Copy first = read_copy(vault / vault_config_name, check);
    if (first.problem.empty()) {
        auto notice = notice_about_second(second_path, *first.text);
        return {std::move(*first.text), std::move(notice)};
    }
    Copy second = read_copy(second_path, check);
    if (second.problem.empty())
        return {std::move(*second.text), first.problem + "; using " + std::string(vault_config_backup_name)};
    if (first.unreadable) std::rethrow_exception(first.unreadable);
    if (second.unreadable) std::rethrow_exception(second.unreadable);
    if (!first.text && !second.text) {
        throw Error(Errc::not_a_vault,
                    vault.string() + " is not a vault: it has no " + std::string(vault_config_name));
    }
    const bool foreign = first.cause == Errc::not_a_vault && second.cause == Errc::not_a_vault;
    throw Error(foreign ? Errc::not_a_vault : Errc::corrupt,
                "the vault's configuration is unusable: " + first.problem + "; " + second.problem);
}

bool has_vault_config(const fs::path& vault) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(vault / vault_config_name, ignored)) ||
           fs::exists(fs::symlink_status(vault / vault_config_backup_name, ignored));
}

void create_vault_config(const fs::path& vault, std::string_view text) {
    if (has_vault_config(vault))
        throw Error(std::errc::file_exists, vault.string() + " holds a vault already");
    replace_vault_config(vault, text);
}

// The directory of the vault itself is locked by whoever mounts it.
FileDescriptor lock_vault_config(const fs::path& vault) {
    const fs::path objects = vault / "objects";
    FileDescriptor lock(::open(objects.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock && (errno == ENOENT || errno == ENOTDIR))
        throw Error(Errc::not_a_vault, vault.string() + " is not a vault: it has no objects directory");
    if (!lock) throw Error(errno, "cannot open " + objects.string());
    while (::flock(lock.get(), LOCK_EX) != 0)
        if (errno != EINTR) throw Error(errno, "cannot lock " + objects.string());
    return lock;
}

void replace_vault_config(const fs::path& vault, std::string_view text) {
    replace_file(vault, vault_config_name, text);
    try {
        replace_file(vault, vault_config_backup_name, text);
    } catch (const Error& error) {
        throw Error::saying(
            static_cast<std::errc>(error.code().value()),
            std::string(vault_config_name) +
                " is new already, but its second copy is not, and opens as before until the key slots "
                "are changed again: " +
                error.what());
    }
}

}  // namespace demofs::store
