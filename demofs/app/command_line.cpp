// Declares commands and options; what the commands do is in *_command.cpp. docs/cli.md, the manual page and
// the completions name the same options: a test compares them.
#include "demofs/app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "demofs/app/commands.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/mount_helper.hpp"
#include "demofs/app/salvage_command.hpp"
#include "demofs/app/suggestion.hpp"
#include "demofs/app/user_messages.hpp"
#include "demofs/base/error.hpp"
#include "demofs/store/fault_plan.hpp"

namespace demofs::app {

namespace {

constexpr std::int64_t longest_wait_s = 31536000;

std::string is_not_empty(const std::string& value) {
    return value.empty() ? "must not be empty" : "";
}

std::string is_store_fault(const std::string& spec) {
    try {
        static_cast<void>(store::parse_fault(spec));
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

// The names of all options, as they are typed.
std::vector<std::string> names_of(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
        for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    }
    return names;
}

class CommandLine {
  public:
    CommandLine();
    int run(std::vector<std::string> arguments);

  private:
    void add_init();
    void add_mount();
    void add_unmount();
    void add_status();
    void add_info();
    void add_check();
    void add_salvage();
    void add_fork();
    void add_key();
    void add_help();

    CLI::App* add(const std::string& name, const std::string& purpose, const std::string& examples);
    static void add_password(CLI::App& command, PasswordSource& password);
    static void add_cost(CLI::App& command, KeyCost& cost);
    std::vector<std::string> commands() const;
    std::vector<MountOption> mount_options() const;
    const CLI::App& chosen() const;
    std::string hint(const CLI::ExtrasError& error) const;
    int no_command() const;
    int unknown_command(const std::string& word) const;
    int option_before_command(const std::string& word) const;

    CLI::App program_{
        "demofs: an encrypted filesystem. Files live in a vault (a directory of encrypted segments) and are "
        "used through a mount.",
        "demofs"};
    int code_ = exit_ok;
    InitSettings init_;
    MountSettings mount_;
    std::int64_t idle_s_ = 0;
    std::int64_t wait_s_ = mount_.wait.count();
    std::int64_t teardown_timeout_s_ = 0;
    std::int64_t commit_interval_ms_ = mount_.commit_interval.count();
    UnmountSettings unmount_;
    std::optional<std::int64_t> timeout_s_;
    StatusSettings status_;
    InfoSettings info_;
    CheckVaultSettings check_;
    SalvageCommandSettings salvage_;
    ForkSettings fork_;
    KeySettings key_;
    std::string help_for_;
};

CommandLine::CommandLine() {
    program_.require_subcommand(1);
    program_.set_version_flag("-V,--version", DEMOFS_VERSION, "Print the version and exit");
    program_.get_formatter()->column_width(38);
    program_.footer(
        "A first vault:\n"
        "  demofs init ~/vault               asks for a new password\n"
        "  mkdir ~/private\n"
        "  demofs mount ~/vault ~/private    asks for it and mounts\n"
        "  demofs unmount ~/private          waits until all is saved\n"
        "\n"
        "demofs COMMAND --help explains a command; exit codes: man demofs");
    add_init();
    add_mount();
    add_unmount();
    add_status();
    add_info();
    add_check();
    add_salvage();
    add_fork();
    add_key();
    add_help();
    // CLI11 takes an empty word for an option that was not given.
    for (CLI::App* command : program_.get_subcommands([](CLI::App*) { return true; })) {
        for (CLI::Option* option : command->get_options([](CLI::Option*) { return true; })) {
            if (option->get_expected_max() != 0) option->check(is_not_empty);
        }
    }
}

CLI::App* CommandLine::add(const std::string& name, const std::string& purpose, const std::string& examples) {
    CLI::App* command = program_.add_subcommand(name, purpose);
    if (!examples.empty()) command->footer("Examples:\n" + examples);
    return command;
}

void CommandLine::add_password(CLI::App& command, PasswordSource& password) {
    CLI::Option* file = command.add_option(
        "--password-file", password.file,
        "Read the password from the first line of this file (\"-\": standard input) instead of asking");
    CLI::Option* output =
        command
            .add_option("--password-command", password.command,
                        "Run this with the shell and take the first line of its output as the password")
            ->excludes(file);
    command
        .add_option("--key-file", password.key_file,
                    "Use the whole content of this file in place of a password")
        ->excludes(file)
        ->excludes(output);
}

void CommandLine::add_cost(CLI::App& command, KeyCost& cost) {
    command
        .add_option(
            "--kdf-seconds", cost.seconds,
            "How long opening with the new password takes on this machine, within bounds that are told")
        ->check(CLI::Range(0.1, 60.0))
        ->capture_default_str();
    command.add_flag("--weak-key-derivation", cost.weak, "For tests only: makes guessing the password cheap");
}

void CommandLine::add_init() {
    CLI::App* command = add("init", "Make a new, empty vault",
                            "  demofs init ~/vault\n"
                            "  demofs init ~/vault --password-command 'pass show vault'");
    command->add_option("VAULT", init_.vault, "Directory to make (or an empty one)")->required();
    add_password(*command, init_.password);
    command
        ->add_option("--cipher", init_.cipher,
                     "aes-256-gcm, or chacha20-poly1305 for CPUs without AES instructions")
        ->check(CLI::IsMember({"aes-256-gcm", "chacha20-poly1305"}))
        ->capture_default_str();
    command->add_flag("--recovery-key", init_.recovery_key,
                      "Print a key of 14 words, too, that opens the vault when the password is forgotten");
    add_cost(*command, init_.cost);
    command->callback([this] { code_ = run_init(init_); });
}

void CommandLine::add_mount() {
    CLI::App* command =
        add("mount", "Mount a vault; returns when the mount answers",
            "  demofs mount ~/vault ~/private\n"
            "  demofs mount ~/vault ~/private --idle 600     unmounts when not used for 10 minutes\n"
            "  demofs mount ~/vault ~/private -o ro          options as mount(8) writes them");
    command->add_option("VAULT", mount_.vault, "The vault's directory")->required();
    command->add_option("DIR", mount_.mount_point, "An empty directory to mount on")->required();
    add_password(*command, mount_.password);
    command->add_flag("-f,--foreground", mount_.foreground, "Stay in the foreground; Ctrl-C unmounts");
    command->add_flag("--read-only", mount_.read_only, "Write nothing to the vault");
    command->add_option("--history", mount_.history,
                        "Of several histories of the vault, show the one that fork list gives this id");
    command->add_flag(
        "--accept-fork", mount_.accept_fork,
        "Of several histories of the vault, go on with the newest one (or that of --history) and "
        "give the others up");
    command->add_flag("--accept-rollback", mount_.accept_rollback,
                      "Go on with a state of the vault that is older than this machine has seen");
    command->add_flag("--allow-other", mount_.allow_other, "Let other users in, as the files' modes allow");
    command->add_flag("--noexec", mount_.noexec, "Let no program on the mount be executed");
    // Replaced before this is asked: see expand_mount_options.
    command->add_option("-o", "Options as in fstab: the long ones without --, separated by commas");
    const CLI::Range seconds(std::int64_t{0}, longest_wait_s);
    const CLI::Range mebibytes(std::size_t{1}, std::size_t{1} << 20);
    command->add_option("--idle", idle_s_, "Unmount after this many seconds without use (0: never)")
        ->check(seconds)
        ->capture_default_str();
    command->add_option("--cache-mib", mount_.cache_mib, "Memory for decrypted blocks")
        ->check(mebibytes)
        ->capture_default_str();
    command->add_option("--tree-cache-mib", mount_.tree_cache_mib, "Memory for the metadata tree")
        ->check(mebibytes)
        ->capture_default_str();
    command
        ->add_option("--dirty-mib", mount_.dirty_mib,
                     "Memory for data that is not durable yet; writers wait above it")
        ->check(mebibytes)
        ->capture_default_str();
    command
        ->add_option("--commit-interval-ms", commit_interval_ms_,
                     "How long changes may stay undurable without fsync")
        ->check(CLI::Range(std::int64_t{10}, std::int64_t{3600000}))
        ->capture_default_str();
    command
        ->add_option("--wait", wait_s_,
                     "How many seconds to wait while an earlier mount of the vault is still saving")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{86400}))
        ->capture_default_str();
    command
        ->add_option("--teardown-timeout", teardown_timeout_s_,
                     "Give up unmounting when nothing has moved on for this many seconds (0: never)")
        ->check(seconds)
        ->capture_default_str();
    command->add_option("--teardown-report", mount_.teardown_report,
                        "Write the report of the unmount to this file");
    command->add_option("--teardown-trace", mount_.teardown_trace,
                        "The same as a trace for chrome://tracing or Perfetto");
    command->add_option("--teardown-graph", mount_.teardown_graph, "The same as a graph for Graphviz");
    command
        ->add_option("--store-fault", mount_.store_faults,
                     "For trying out a bad day: let operations of the store fail, hang or take long, as in "
                     "write:3:eio, sync:1+:enospc, write:5:hang, read:1+:delay=50")
        ->check(is_store_fault)
        ->allow_extra_args(false)
        ->type_name("OPERATION:N[+]:EFFECT");
    command->add_option("--log-file", mount_.log.file,
                        "Append the log to this file (default: stderr, or the system log in the background)");
    command->add_option("--log-level", mount_.log.level, "trace, debug, info, warn, error or off")
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
        ->capture_default_str();
    command->callback([this] {
        mount_.wait = std::chrono::seconds(wait_s_);
        mount_.idle_timeout = std::chrono::seconds(idle_s_);
        mount_.teardown_timeout = std::chrono::seconds(teardown_timeout_s_);
        mount_.commit_interval = std::chrono::milliseconds(commit_interval_ms_);
        code_ = run_mount(mount_);
    });
}

void CommandLine::add_unmount() {
    CLI::App* command = add("unmount", "Unmount, wait until everything is saved, and say so",
                            "  demofs unmount ~/private\n"
                            "  demofs unmount ~/private -v               shows each part of the teardown\n"
                            "  demofs unmount ~/private --timeout 60     does not wait longer\n"
                            "  demofs unmount ~/private --flush          unmounts only what could be saved");
    command->add_option("DIR", unmount_.mount_point, "Where the vault is mounted")->required();
    command->add_flag(
        "--lazy", unmount_.lazy,
        "Detach now, also if files are in use, and return; the daemon ends with the last of them");
    command->add_flag("--flush", unmount_.flush,
                      "Save everything first, while the mount is there; leave it mounted if that fails");
    command
        ->add_option("--timeout", timeout_s_,
                     "Wait this many seconds at most, the daemon goes on then (--lazy does not wait)")
        ->check(CLI::Range(std::int64_t{1}, longest_wait_s));
    command->add_flag("-v,--verbose", unmount_.verbose,
                      "Show the parts of the teardown, in the order of time");
    command->add_flag("--json", unmount_.json, "Print one line of JSON instead");
    command->callback([this] {
        if (timeout_s_) unmount_.timeout = std::chrono::seconds(*timeout_s_);
        code_ = run_unmount(unmount_);
    });
}

void CommandLine::add_status() {
    CLI::App* command = add("status", "Say what a mount is doing, and what its unmount waits for",
                            "  demofs status               all mounts of this user\n"
                            "  demofs status ~/private\n"
                            "  demofs status ~/private --watch           until Ctrl-C, or it is unmounted");
    command->add_option("DIR", status_.mount_point, "Where the vault is, or was, mounted");
    command->add_flag("--watch", status_.watch, "Once a second, until Ctrl-C or the end of the mount");
    command->add_flag("--json", status_.json,
                      "Print JSON: a list of objects (with --watch, a line a second)");
    command->callback([this] { code_ = run_status(status_); });
}

void CommandLine::add_info() {
    CLI::App* command = add("info", "Show what a vault is; with the password, what it holds",
                            "  demofs info ~/vault\n"
                            "  demofs info ~/vault --unlock");
    command->add_option("VAULT", info_.vault, "The vault's directory")->required();
    add_password(*command, info_.password);
    command->add_flag("--unlock", info_.unlock, "Ask for the password and look inside");
    command->callback([this] { code_ = run_info(info_); });
}

void CommandLine::add_check() {
    CLI::App* command = add("check", "Look for damage in a vault, also while it is mounted; changes nothing",
                            "  demofs check ~/vault\n"
                            "  demofs check ~/vault --read-data          reads all content of files, too");
    command->add_option("VAULT", check_.vault, "The vault's directory")->required();
    add_password(*command, check_.password);
    command->add_flag("--read-data", check_.read_data, "Read and authenticate all file content, too");
    command->add_flag("--json", check_.json, "Write the report as JSON");
    command->callback([this] { code_ = run_check(check_); });
}

void CommandLine::add_salvage() {
    CLI::App* command =
        add("salvage",
            "Bring what can still be read of a damaged vault into a folder; changes nothing in the vault",
            "  demofs salvage ~/vault ~/salvaged\n"
            "  demofs salvage ~/vault ~/salvaged --json > report.json");
    command->add_option("VAULT", salvage_.vault, "The vault's directory")->required();
    command->add_option("OUTDIR", salvage_.output, "A new or empty folder for the files")->required();
    add_password(*command, salvage_.password);
    command->add_option("--history", salvage_.history,
                        "Of several histories of the vault, take the one that fork list gives this id");
    command->add_flag("--json", salvage_.json, "Write the report as JSON");
    command->callback([this] { code_ = run_salvage(salvage_); });
}

void CommandLine::add_fork() {
    CLI::App* command =
        add("fork", "Show the histories of a vault that has several, or go on with one of them",
            "  demofs fork list ~/vault\n"
            "  demofs mount ~/vault ~/private --read-only --history 5f0c19ae     to look at one of them\n"
            "  demofs fork accept ~/vault 5f0c19ae       goes on with it and gives the others up");
    command
        ->add_option("ACTION", fork_.action, "list, or accept: go on with one history and give the others up")
        ->required()
        ->check(CLI::IsMember({"list", "accept"}));
    command->add_option("VAULT", fork_.vault, "The vault's directory")->required();
    command->add_option("HISTORY", fork_.history, "The id that list gives it (default: the newest one)");
    add_password(*command, fork_.password);
    command->add_flag("--json", fork_.json, "Print the list as JSON");
    command->callback([this] { code_ = run_fork(fork_); });
}

void CommandLine::add_key() {
    CLI::App* command =
        add("key", "List, add, change or remove what opens a vault; also while it is mounted",
            "  demofs key list ~/vault\n"
            "  demofs key change ~/vault                 a new password; the same: demofs passwd ~/vault\n"
            "  demofs key add ~/vault --recovery-key     prints 14 words that open it as well\n"
            "  demofs key add ~/vault --new-key-file /media/stick/key --name stick\n"
            "  demofs key remove ~/vault 2               asks for a password of a slot that stays");
    command->add_option("ACTION", key_.action, "list, add, change or remove")
        ->required()
        ->check(CLI::IsMember({"list", "add", "change", "remove"}));
    command->add_option("VAULT", key_.vault, "The vault's directory")->required();
    command->add_option(
        "SLOT", key_.slot,
        "The key slot to change or remove (change: the one that the password opens if none is named)");
    add_password(*command, key_.password);
    CLI::Option* file = command->add_option("--new-password-file", key_.new_key.file,
                                            "Read the new password from the first line of this file");
    CLI::Option* output =
        command
            ->add_option("--new-password-command", key_.new_key.command,
                         "Run this with the shell and take its first line as the new password")
            ->excludes(file);
    CLI::Option* key_file = command
                                ->add_option("--new-key-file", key_.new_key.key_file,
                                             "Use this file, of 32 bytes or more, in place of a new password")
                                ->excludes(file)
                                ->excludes(output);
    command
        ->add_flag("--recovery-key", key_.recovery_key,
                   "Print a new key of 14 words in place of a new password")
        ->excludes(file)
        ->excludes(output)
        ->excludes(key_file);
    command->add_option("--name", key_.name, "A name for the new key, which list shows");
    add_cost(*command, key_.cost);
    command->add_flag("--json", key_.json, "Print the list as JSON");
    command->callback([this] { code_ = run_key(key_); });
}

// Only to be listed: run() turns it into --help, since CLI11 explains the command that was given.
void CommandLine::add_help() {
    CLI::App* command = program_.add_subcommand("help", "Explain a command");
    command->add_option("COMMAND", help_for_, "The command; none: all of them");
}

std::vector<std::string> CommandLine::commands() const {
    std::vector<std::string> names;
    for (const CLI::App* command : program_.get_subcommands({})) names.push_back(command->get_name());
    return names;
}

std::vector<MountOption> CommandLine::mount_options() const {
    std::vector<MountOption> options;
    for (const CLI::Option* option : program_.get_subcommand("mount")->get_options()) {
        for (const std::string& name : option->get_lnames()) {
            if (name != "help") options.push_back({name, option->get_expected_max() != 0});
        }
    }
    return options;
}

// What others call these commands, and then what is spelled nearly the same.
int CommandLine::unknown_command(const std::string& word) const {
    std::string meant;
    if (word == "umount" || word == "unmont" || word == "stop") meant = "unmount";
    if (word == "create" || word == "new" || word == "mkfs" || word == "format") meant = "init";
    if (word == "fsck" || word == "verify") meant = "check";
    if (word == "password" || word == "keys" || word == "slot") meant = "key";
    if (word == "recover" || word == "rescue" || word == "restore") meant = "salvage";
    if (word == "list" || word == "ls" || word == "ps") meant = "status";
    if (meant.empty()) meant = nearest(word, commands());
    say_error("there is no command " + word +
              (meant.empty() ? "; demofs --help shows them" : "; did you mean " + meant + "?"));
    return exit_usage;
}

int CommandLine::no_command() const {
    std::cerr << program_.help() << '\n';
    say_error("a command is missing, one of those above");
    return exit_usage;
}

// One that the program itself does not have: perhaps a command does.
int CommandLine::option_before_command(const std::string& word) const {
    std::string advice;
    if (const std::string meant = nearest(word, names_of(program_)); !meant.empty()) {
        advice = "; did you mean " + meant + "?";
    } else {
        std::string owners;
        for (const CLI::App* command : program_.get_subcommands({})) {
            const std::vector<std::string> names = names_of(*command);
            if (std::ranges::find(names, word) != names.end())
                owners += (owners.empty() ? "" : ", ") + command->get_name();
        }
        advice = owners.empty() ? "; demofs --help shows what there is"
                                : "; it belongs behind a command that has it: " + owners;
    }
    say_error("the program has no option " + word + advice);
    return exit_usage;
}

// The command that was given, or the program.
const CLI::App& CommandLine::chosen() const {
    const auto commands = program_.get_subcommands();
    return commands.empty() ? program_ : *commands.front();
}

// For the first word that nobody expected, as it was typed.
std::string CommandLine::hint(const CLI::ExtrasError& error) const {
    const std::string text = error.what();
    const std::size_t at = text.find(" -");
    if (at == std::string::npos) return "";
    const std::string word = text.substr(at + 1, text.find_first_of(" =", at + 1) - at - 1);
    const std::string meant = nearest(word, names_of(chosen()));
    return meant.empty() ? "" : "; did you mean " + meant + "?";
}

int CommandLine::run(std::vector<std::string> arguments) {
    if (!arguments.empty() && arguments.front() == "passwd") {
        arguments.front() = "change";
        arguments.insert(arguments.begin(), "key");
    }
    // Of the first word CLI11 would only say that a command is missing.
    if (arguments.empty() || arguments.front().empty()) return no_command();
    const std::string first = arguments.front();
    const bool is_option = first.starts_with('-');
    const std::string word = is_option ? first.substr(0, first.find('=')) : first;
    const std::vector<std::string> known = is_option ? names_of(program_) : commands();
    if (std::ranges::find(known, word) == known.end())
        return is_option ? option_before_command(word) : unknown_command(word);
    if (first == "help" && (arguments.size() == 1 || !arguments[1].starts_with('-'))) {
        if (arguments.size() > 1) return run({arguments[1], "--help"});
        arguments = {"--help"};
    }
    ExpandedOptions expanded;
    if (first == "mount") {
        expanded = expand_mount_options(arguments, mount_options());
        arguments = std::move(expanded.arguments);
    }
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    try {
        program_.parse(std::move(arguments));
    } catch (const CLI::ExtrasError& error) {
        say_error(error.what() + hint(error));
        return exit_usage;
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return program_.exit(error);  // help, version
        const CLI::App& command = chosen();
        say_error(as_typed(error.what(), expanded.typed) + "; see demofs " +
                  (&command == &program_ ? "" : command.get_name() + " ") + "--help");
        return exit_usage;
    }
    return code_;
}

}  // namespace

int run_command_line(const std::string& program, std::vector<std::string> arguments) {
    try {
        if (auto for_mount = helper_arguments(program, arguments)) {
            if (for_mount->empty()) return exit_ok;
            arguments = std::move(*for_mount);
        }
        return CommandLine().run(std::move(arguments));
    } catch (const std::filesystem::filesystem_error& error) {
        const std::string path = error.path1().string();
        say_error((path.empty() ? "the working directory" : path) +
                  " cannot be used: " + error.code().message());
        return exit_failure;
    } catch (const std::exception& error) {
        say_error(error.what());
        return exit_code_of(std::current_exception());
    }
}

}  // namespace demofs::app
