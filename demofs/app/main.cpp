// The demofs program: command line only. What the commands do is in *_command.cpp.
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <string>

#include "demofs/app/commands.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/inherited_descriptors.hpp"
#include "demofs/base/error.hpp"

namespace {

using namespace demofs::app;

void add_password_file(CLI::App& command, std::optional<std::string>& file) {
    command.add_option(
        "--password-file", file,
        "Read the password from the first line of this file (\"-\": standard input) instead of asking");
}

}  // namespace

int main(int argc, char** argv) {
    occupy_standard_descriptors();
    CLI::App program(
        "demofs: an encrypted filesystem. Files live in a vault (a directory of encrypted segments) and are "
        "used through a mount.",
        "demofs");
    program.require_subcommand(1);
    program.set_version_flag("--version", DEMOFS_VERSION);
    program.get_formatter()->column_width(38);
    // No core dumps, no debugger of another process of this user: keys and plain text are in this memory.
    ::prctl(PR_SET_DUMPABLE, 0);
    int code = exit_ok;

    InitSettings init;
    CLI::App* init_command = program.add_subcommand("init", "Make a new, empty vault");
    init_command->add_option("VAULT", init.vault, "Directory to make (or an empty one)")->required();
    add_password_file(*init_command, init.password_file);
    init_command
        ->add_option("--cipher", init.cipher,
                     "aes-256-gcm, or chacha20-poly1305 for CPUs without AES instructions")
        ->check(CLI::IsMember({"aes-256-gcm", "chacha20-poly1305"}))
        ->capture_default_str();
    init_command->add_flag("--weak-key-derivation", init.weak_key_derivation,
                           "For tests only: makes guessing the password cheap");
    init_command->callback([&] { code = run_init(init); });

    MountSettings mount;
    std::int64_t idle_seconds = 0;
    std::int64_t wait_seconds = mount.wait.count();
    std::int64_t commit_interval_ms = mount.commit_interval.count();
    CLI::App* mount_command =
        program.add_subcommand("mount", "Mount a vault; returns when the mount answers");
    mount_command->add_option("VAULT", mount.vault, "The vault's directory")->required();
    mount_command->add_option("DIR", mount.mount_point, "An empty directory to mount on")->required();
    add_password_file(*mount_command, mount.password_file);
    mount_command->add_flag("-f,--foreground", mount.foreground, "Stay in the foreground; Ctrl-C unmounts");
    mount_command->add_flag("--read-only", mount.read_only, "Write nothing to the vault");
    mount_command->add_flag("--accept-fork", mount.accept_fork,
                            "Of two histories of the vault, go on with the newer one and give the other up");
    mount_command->add_flag("--allow-other", mount.allow_other,
                            "Let other users in, as the files' modes allow");
    mount_command
        ->add_option("--idle", idle_seconds, "Unmount after this many seconds without use (0: never)")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{31536000}))
        ->capture_default_str();
    mount_command->add_option("--cache-mib", mount.cache_mib, "Memory for decrypted blocks")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20))
        ->capture_default_str();
    mount_command->add_option("--tree-cache-mib", mount.tree_cache_mib, "Memory for the metadata tree")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20))
        ->capture_default_str();
    mount_command
        ->add_option("--dirty-mib", mount.dirty_mib,
                     "Memory for data that is not durable yet; writers wait above it")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20))
        ->capture_default_str();
    mount_command
        ->add_option("--commit-interval-ms", commit_interval_ms,
                     "How long changes may stay undurable without fsync")
        ->check(CLI::Range(std::int64_t{10}, std::int64_t{3600000}))
        ->capture_default_str();
    mount_command
        ->add_option("--wait", wait_seconds,
                     "How many seconds to wait while an earlier mount of the vault is still saving")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{86400}))
        ->capture_default_str();
    mount_command->add_option("--teardown-report", mount.teardown_report,
                              "Write the report of the unmount to this file");
    mount_command->add_option(
        "--log-file", mount.log.file,
        "Append the log to this file (default: stderr, or the system log in the background)");
    mount_command->add_option("--log-level", mount.log.level, "trace, debug, info, warn, error or off")
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
        ->capture_default_str();
    mount_command->callback([&] {
        mount.wait = std::chrono::seconds(wait_seconds);
        mount.idle_timeout = std::chrono::seconds(idle_seconds);
        mount.commit_interval = std::chrono::milliseconds(commit_interval_ms);
        code = run_mount(mount);
    });

    UnmountSettings unmount;
    CLI::App* unmount_command = program.add_subcommand(
        "unmount", "Unmount, wait until everything is saved, and show the report of the teardown");
    unmount_command->add_option("DIR", unmount.mount_point, "Where the vault is mounted")->required();
    unmount_command->add_flag("--lazy", unmount.lazy,
                              "Detach now, also if files are in use; still waits until the last of them is "
                              "closed and all is saved");
    unmount_command->callback([&] { code = run_unmount(unmount); });

    InfoSettings info;
    CLI::App* info_command =
        program.add_subcommand("info", "Show what a vault is; with the password, what it holds");
    info_command->add_option("VAULT", info.vault, "The vault's directory")->required();
    add_password_file(*info_command, info.password_file);
    info_command->add_flag("--unlock", info.unlock, "Ask for the password and look inside");
    info_command->callback([&] { code = run_info(info); });

    CheckVaultSettings check;
    CLI::App* check_command = program.add_subcommand(
        "check", "Look for damage in a vault, also while it is mounted; changes nothing");
    check_command->add_option("VAULT", check.vault, "The vault's directory")->required();
    add_password_file(*check_command, check.password_file);
    check_command->add_flag("--read-data", check.read_data, "Read and authenticate all file content, too");
    check_command->add_flag("--json", check.json, "Write the report as JSON");
    check_command->callback([&] { code = run_check(check); });

    if (const std::string first = argc > 1 ? argv[1] : ""; !first.empty() && first.front() != '-') {
        // CLI11 would say that a command is missing.
        if (program.get_subcommands([&first](CLI::App* c) { return c->get_name() == first; }).empty()) {
            std::cerr << "demofs: there is no command " << first << "; demofs --help shows them" << std::endl;
            return exit_usage;
        }
    }
    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return program.exit(error) == 0 ? exit_ok : exit_usage;
    } catch (const std::exception& error) {
        std::cerr << "demofs: " << error.what() << std::endl;
        return exit_code_of(std::current_exception());
    }
    return code;
}
