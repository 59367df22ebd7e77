"""Commands that cannot do what they are asked for."""

import errno
import fcntl
import hashlib
import os
import pty
import signal
import socket
import subprocess
import unittest

import mount_fixture
from error_fixture import FAILURE, USAGE, NOT_A_VAULT, VAULT_IN_USE, VAULT_DAMAGED, MOUNT_POINT, NOT_MOUNTED, ErrorTest
from mount_fixture import mounts


class Commands(ErrorTest):
    def test_not_a_vault(self):
        self.vault.path.mkdir()
        (self.vault.path / "letter.txt").write_text("just a folder")
        self.expect_mount_error(NOT_A_VAULT, "(?i)not a (demofs )?vault|no (demofs )?vault", self.vault.path)

    def test_a_vault_that_does_not_exist(self):
        self.expect_mount_error(NOT_A_VAULT, "(?i)no such|not exist|not a (demofs )?vault|no (demofs )?vault", self.vault.path)

    def test_a_damaged_configuration_file(self):
        self.vault.init()
        for file in self.vault.path.glob("demofs.json*"):
            file.write_text('{"half a ')
        self.expect_mount_error(VAULT_DAMAGED, "(?i)demofs.json|configuration|damaged")

    def test_one_damaged_copy_of_the_configuration_is_survived(self):
        self.vault.init()
        copies = sorted(self.vault.path.glob("demofs.json*"))
        self.assertEqual(len(copies), 2, copies)
        for damaged in copies:
            good = damaged.read_bytes()
            damaged.write_bytes(good[:len(good) // 2])
            self.vault.mount()
            self.vault.unmount()
            damaged.write_bytes(good)

    def test_initialising_twice(self):
        self.vault.init()
        before = {path: path.read_bytes() for path in self.vault.path.rglob("*") if path.is_file()}
        self.expect_error(self.vault.init(check=False), FAILURE, "(?i)already|exists|not empty", self.vault.path)
        self.assertEqual({path: path.read_bytes() for path in self.vault.path.rglob("*") if path.is_file()}, before)

    def test_initialising_in_a_folder_with_other_files(self):
        self.vault.path.mkdir()
        (self.vault.path / "letter.txt").write_text("mine")
        self.expect_error(self.vault.init(check=False), FAILURE, "(?i)not empty|other files", self.vault.path)
        self.assertEqual(os.listdir(self.vault.path), ["letter.txt"])

    def test_mounting_as_mount_and_fstab_do_it(self):
        helper = self.folder / "mount.demofs"
        helper.symlink_to(self.vault.program)
        self.vault.init()
        command = [helper, self.vault.path, self.root, "-o", f"rw,nofail,password_file={self.vault.password_file},log-file={self.vault.log}"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        self.vault.remember_daemon()
        self.assertTrue(self.vault.is_mounted())
        (self.root / "file").write_bytes(b"content")
        self.vault.unmount()
        self.vault.mount("-o", "ro")
        self.assert_errno(errno.EROFS, (self.root / "file").write_bytes, b"x")
        self.vault.unmount()
        done = subprocess.run([*command, "-o", "frob=1"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("-o frob=1: there is no such option", done.stderr)

    def test_options_of_a_list_are_named_as_they_were_typed(self):
        for options, said in (("idle=x", "-o idle"), ("log_level=loud", "-o log_level: loud not in"), ("idle", "-o idle: a value is missing"),
                              ("remount,ro", "-o remount: a mount cannot be changed"), ("sync", "-o sync: not every write")):
            done = self.vault.mount("-o", options, check=False)
            self.expect_error(done, USAGE, "^demofs: ")
            self.assertIn(said, done.stderr)
            self.assertNotIn("--log-level", done.stderr)

    def test_what_mount_hands_over_for_users_and_systemd_is_passed_over(self):
        self.vault.init()
        self.vault.mount("-o", "rw,noexec,nosuid,nodev,user=nobody,nofail,_netdev,x-systemd.automount")
        script = self.root / "script"
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        self.assert_errno(errno.EACCES, subprocess.run, [script])
        self.vault.unmount()
        self.vault.mount("-o", "noexec,exec")
        subprocess.run([script], check=True)

    def test_the_helper_of_mount_explains_itself(self):
        helper = self.folder / "mount.demofs"
        helper.symlink_to(self.vault.program)
        for word, said in (("--help", "VAULT"), ("-h", "VAULT"), ("-V", "demofs "), ("--version", "demofs ")):
            done = subprocess.run([helper, word], capture_output=True, text=True, timeout=mount_fixture.WAIT_SECONDS)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(said, done.stdout)

    def test_no_other_user_can_take_the_place_of_the_control_socket(self):
        # Abstract socket names belong to whoever comes first; the daemon's must not be one of them.
        name = hashlib.blake2b(os.fsencode(self.vault.mount_point), digest_size=16).hexdigest()
        with socket.socket(socket.AF_UNIX) as squatter:
            squatter.bind("\0demofs-" + name)
            squatter.listen()
            self.vault.init()
            self.vault.mount()
            self.vault.unmount()

    def test_a_vault_that_is_already_mounted(self):
        self.vault.init()
        self.vault.mount()
        other = self.make_vault("other", self.vault.path)
        self.expect_error(other.mount(check=False), VAULT_IN_USE, "(?i)already|in use|locked|another")
        self.assertFalse(other.is_mounted())
        (self.root / "file").write_bytes(b"the first mount still works")
        self.assertEqual((self.root / "file").read_bytes(), b"the first mount still works")

    def test_the_log_has_colours_for_terminals_only_and_never_with_no_color(self):
        self.vault.init()
        def log_on_a_terminal(**environment):
            """What a daemon in the foreground, which is sent SIGUSR1, writes to its terminal."""
            mine, theirs = pty.openpty()
            process = subprocess.Popen([self.vault.program, "mount", "-f", self.vault.path, self.root, *self.vault.password_arguments()],
                                       stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env={**os.environ, **environment})
            self.vault.foreground = process
            os.close(theirs)
            mount_fixture.wait_until(lambda: self.vault.is_mounted() or process.poll() is not None, "it is mounted")
            self.assertIsNone(process.poll(), "it has ended at once")
            process.send_signal(signal.SIGUSR1)
            text = b""
            while b"Live guards" not in text:
                text += os.read(mine, 4096)
            process.send_signal(signal.SIGTERM)
            try:
                while more := os.read(mine, 4096):
                    text += more
            except OSError:  # EIO: the other end is closed
                pass
            process.wait(mount_fixture.WAIT_SECONDS)
            os.close(mine)
            return text
        self.assertIn(b"\033[", log_on_a_terminal(TERM="xterm", NO_COLOR=""))
        self.assertNotIn(b"\033[", log_on_a_terminal(TERM="xterm", NO_COLOR="1"))

    def test_a_vault_that_somebody_else_holds_is_waited_for(self):
        self.vault.init()
        descriptor = os.open(self.vault.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self.expect_error(self.vault.mount("--wait", "0", check=False), VAULT_IN_USE, "(?i)in use")
            waiting = subprocess.Popen([self.vault.program, *map(str, self.vault.mount_arguments())],
                                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.assertIn(b"waiting", waiting.stderr.readline())
        finally:
            os.close(descriptor)
        self.assertEqual(waiting.wait(mount_fixture.WAIT_SECONDS), 0)
        waiting.stderr.close()
        self.vault.remember_daemon()
        self.assertTrue(self.vault.is_mounted())

    def test_a_missing_mount_point(self):
        self.vault.init()
        self.vault.mount_point.rmdir()
        self.expect_mount_error(MOUNT_POINT, "(?i)no such|not exist|missing", self.vault.mount_point)

    def test_a_mount_point_that_is_a_file(self):
        self.vault.init()
        self.vault.mount_point.rmdir()
        self.vault.mount_point.touch()
        self.expect_mount_error(MOUNT_POINT, "(?i)not a (directory|folder)", self.vault.mount_point)

    def test_a_mount_point_that_is_not_empty(self):
        self.vault.init()
        (self.vault.mount_point / "letter.txt").write_text("would be hidden")
        self.expect_mount_error(MOUNT_POINT, "(?i)not empty", self.vault.mount_point)
        self.assertEqual(os.listdir(self.vault.mount_point), ["letter.txt"])

    def test_a_mount_point_that_is_taken(self):
        self.vault.init()
        self.vault.mount()
        other = self.make_vault("other")
        other.init()
        other.mount_point = self.vault.mount_point
        self.expect_error(other.mount(check=False), MOUNT_POINT, "(?i)already|busy|mounted", self.vault.mount_point)
        self.assertEqual(len([mount for mount in mounts.mounts() if mount.point == str(self.vault.mount_point)]), 1)

    def test_an_init_that_fails_leaves_nothing_behind_that_it_made(self):
        # Files may not grow beyond a few hundred bytes: the first segment cannot be written.
        script = 'trap "" XFSZ; ulimit -f 1; exec "$@"'
        command = ["sh", "-c", script, "sh", self.vault.program, "init", self.vault.path, *self.vault.password_arguments(),
                   "--weak-key-derivation"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=mount_fixture.WAIT_SECONDS)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("could not be made", done.stderr)
        self.assertFalse(self.vault.path.exists(), "the unfinished vault was left")
        self.vault.init()
        self.vault.mount()

    def test_an_unknown_command(self):
        self.expect_error(self.vault.run("frobnicate", check=False), USAGE, "no command frobnicate")

    def test_a_log_file_or_report_in_a_folder_that_does_not_exist(self):
        self.vault.init()
        for option, what in (("--log-file", "log file"), ("--teardown-report", "teardown report")):
            file = self.vault.folder / "missing" / "file"
            done = self.vault.run("mount", self.vault.path, self.vault.mount_point, *self.vault.password_arguments(),
                                  option, file, check=False)
            self.expect_error(done, FAILURE, what + ".*missing", file)
            self.assertFalse(file.parent.exists())
            self.assertFalse(self.vault.is_mounted())

    def test_a_log_file_or_report_that_is_a_directory_is_refused_before_anything_is_done(self):
        self.vault.init()
        for option in ("--log-file", "--teardown-report", "--teardown-trace", "--teardown-graph"):
            for file, said in (("/", "that is a directory"), ("", f"{option}: must not be empty")):
                done = self.vault.run("mount", self.vault.path, self.root, "--password-command", "touch asked", option, file, check=False,
                                      cwd=self.folder)
                self.expect_error(done, USAGE if file == "" else FAILURE, said)
                self.assertFalse((self.folder / "asked").exists())

    def test_an_empty_name_is_said_to_be_one(self):
        for arguments in (["unmount", ""], ["unmount", "--lazy", ""], ["status", ""], ["mount", "", self.root], ["mount", self.folder, ""],
                          ["init", ""], ["info", ""], ["check", ""], ["fork", "list", ""], ["info", "x", "--password-command", ""]):
            with self.subTest(arguments):
                done = self.vault.run(*arguments, check=False)
                self.expect_error(done, USAGE, "^demofs: (VAULT|DIR|--password-command): must not be empty; see demofs [a-z]+ --help$")

    def test_a_working_directory_that_is_gone_is_said_to_be_unusable(self):
        gone = self.folder / "gone"
        gone.mkdir()
        script = 'rmdir "$PWD"; exec "$@"'
        for command in ("status", "unmount"):
            done = subprocess.run(["sh", "-c", script, "sh", self.vault.program, command, "x"], cwd=gone, capture_output=True, text=True)
            gone.mkdir()
            self.expect_error(done, FAILURE, "^demofs: .* cannot be used: No such file or directory$")

    def test_a_mount_in_the_background_leaves_no_log_on_the_terminal(self):
        self.vault.init()
        mount = ["mount", self.vault.path, self.root, *self.vault.password_arguments()]
        os.environ["XDG_STATE_HOME"] = str(self.folder / "another state")
        done = self.vault.run(*mount)
        self.vault.remember_daemon()
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"(?m)^demofs: this machine remembers no state of the vault ")
        self.assertRegex(done.stderr, r"\A(demofs: .*\n)*\Z")

    def test_unmounting_what_is_not_mounted(self):
        self.expect_error(self.vault.unmount(check=False), NOT_MOUNTED, "(?i)not mounted|no .*mount|not a mount", self.root)

    def test_wrong_arguments(self):
        for arguments in (["mount"], ["mount", self.vault.path], ["frobnicate"], ["init", "--nonsense", "x"]):
            done = self.vault.run(*arguments, check=False)
            self.assertEqual(done.returncode, USAGE, arguments)
            self.assertTrue(done.stderr, arguments)

    def test_help_names_the_commands(self):
        done = self.vault.run("--help")
        for command in ("init", "mount", "unmount", "info"):
            self.assertIn(command, done.stdout)


if __name__ == "__main__":
    unittest.main()
