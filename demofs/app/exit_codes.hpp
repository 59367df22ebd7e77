// The exit codes of the command line; published in docs/cli.md, so they never change their meaning.
#pragma once

namespace demofs::app {

enum ExitCode : int {
    exit_ok = 0,
    exit_failure = 1,  ///< any other error; its text says what
    exit_usage = 2,    ///< the command line is wrong
    exit_wrong_password = 10,
    exit_not_a_vault = 11,
    exit_vault_in_use = 12,      ///< mounted already
    exit_vault_incomplete = 13,  ///< files of the vault are missing: not fully synchronised yet
    exit_vault_damaged = 14,
    exit_unsupported_format = 15,
    exit_rolled_back = 16,  ///< older than this machine has seen
    exit_forked = 17,       ///< two histories that did not know of each other
    exit_mount_point = 20,  ///< missing, not empty, busy, no permission
    exit_no_fuse = 21,      ///< /dev/fuse or fusermount3
    exit_busy = 22,         ///< unmount: files are in use
    exit_not_mounted = 23,  ///< unmount: no demofs is mounted there
    exit_daemon_died = 30,  ///< the daemon ended without a report: the vault holds its last commit
    exit_not_saved = 31,    ///< the teardown failed: what could not be written is in the report
    exit_timed_out = 32,    ///< given up: the store did not answer, or not in the time that was given
};

}  // namespace demofs::app
