"""What goes wrong for users must be said in a sentence, with a non-zero exit code and nothing left behind."""

import errno
import fcntl
import hashlib
import os
import pty
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import termios
import unittest
from pathlib import Path

import mount_fixture
from mount_fixture import NOBODY, PASSWORD, MountTest, mounts

# The exit codes that scripts may rely on.
FAILURE, USAGE = 1, 2
WRONG_PASSWORD, NOT_A_VAULT, VAULT_IN_USE, VAULT_DAMAGED = 10, 11, 12, 14
MOUNT_POINT, NO_FUSE, NOT_MOUNTED = 20, 21, 23

# In a mount namespace, puts a /dev in place that has just the most necessary: sh -c SCRIPT sh FOLDER COMMAND…
BARE_DEV = """
set -e
folder=$1; shift
mkdir -p "$folder"
mount -t tmpfs none "$folder"
for name in null zero random urandom; do touch "$folder/$name"; mount --bind "/dev/$name" "$folder/$name"; done
MAKE_FUSE
mount --rbind "$folder" /dev
exec "$@"
"""


class ErrorTest(MountTest):
    mounted = False

    def expect_error(self, done, code, pattern, mentions=None):
        """The published exit code, and one readable sentence on stderr."""
        output = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, output)
        self.assertRegex(done.stderr, pattern)
        if mentions:
            self.assertIn(str(mentions), done.stderr)
        self.assertLessEqual(len(done.stderr.strip().splitlines()), 3, f"one sentence would do: {done.stderr}")
        self.assertNotRegex(output, r"terminate called|std::|boost::|what\(\)|Sanitizer")

    def expect_mount_error(self, code, pattern, mentions=None):
        """As above, and nothing is mounted or left running."""
        self.expect_error(self.vault.mount(check=False), code, pattern, mentions)
        self.assertFalse(self.vault.is_mounted(), "something was mounted")
        self.assertEqual(self.vault.find_daemons(), [], "a daemon was left")


class Commands(ErrorTest):
    def test_a_wrong_password(self):
        self.vault.init()
        self.vault.write_password("wrong")
        self.expect_mount_error(WRONG_PASSWORD, "(?i)password")
        done = self.vault.run("info", self.vault.path, *self.vault.password_arguments(), check=False)
        self.expect_error(done, WRONG_PASSWORD, "(?i)password")
        self.vault.write_password(PASSWORD)
        self.vault.mount()

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
        self.assertIn("--frob", done.stderr)

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

    def test_a_password_from_a_command(self):
        self.vault.init()
        command = f"cat {shlex.quote(str(self.vault.password_file))}"
        options = ["--password-command", command, "--log-file", self.vault.log]
        self.vault.run("mount", self.vault.path, self.root, *options)
        self.vault.remember_daemon()
        self.vault.unmount()
        done = self.vault.run("mount", self.vault.path, self.root, "--password-command", "exit 7", check=False)
        self.expect_error(done, FAILURE, "password command failed .exit code 7.")
        both = self.vault.run("info", self.vault.path, *self.vault.password_arguments(), "--password-command", command, check=False)
        self.expect_error(both, USAGE, "(?i)excludes")

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

    def test_nobody_is_asked_for_a_password_in_vain(self):
        # A password that cannot be read would be complained about first, if it were asked for.
        unreadable = ["--password-file", self.folder / "missing"]
        self.vault.path.mkdir()
        (self.vault.path / "letter.txt").write_text("mine")
        done = self.vault.run("init", self.vault.path, *unreadable, check=False)
        self.expect_error(done, FAILURE, "(?i)not empty", self.vault.path)
        done = self.vault.run("init", self.folder / "no" / "parent", *unreadable, check=False)
        self.expect_error(done, FAILURE, "(?i)no such file", self.folder / "no" / "parent")
        (self.vault.path / "letter.txt").unlink()
        self.vault.init()
        done = self.vault.run("init", self.vault.path, *unreadable, check=False)
        self.expect_error(done, FAILURE, "(?i)already", self.vault.path)
        self.vault.mount()
        other = self.make_vault("other", self.vault.path)
        done = self.vault.run("mount", other.path, other.mount_point, *unreadable, check=False)
        self.expect_error(done, VAULT_IN_USE, "(?i)mounted on", self.vault.mount_point)

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

    def test_a_missing_password_file(self):
        self.vault.init()
        self.vault.password_file.unlink()
        self.expect_mount_error(FAILURE, "(?i)no such|not exist|cannot", self.vault.password_file)

    def test_an_interrupt_at_the_password_prompt_brings_the_echo_back(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(self.vault.program, [self.vault.program, "init", str(self.vault.path)])
        try:
            said = b""
            while b"Password: " not in said:
                said += os.read(terminal, 1000)

            def echoes():
                return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)

            mount_fixture.wait_until(lambda: not echoes(), "the echo is off")
            os.write(terminal, b"\x03")
            _, status = os.waitpid(pid, 0)
            pid = None
            self.assertTrue(echoes(), "the echo stayed off")
            self.assertTrue(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, status)
            self.assertFalse(self.vault.path.exists())
        finally:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            os.close(terminal)

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

    def test_an_empty_password(self):
        self.vault.password_file.write_text("\n")
        self.expect_error(self.vault.init(check=False), FAILURE, "(?i)password.*empty|empty.*password")
        self.assertFalse((self.vault.path / "demofs.json").exists())

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


class OtherUser(ErrorTest):
    """As a user who may not do it: nobody if the tests run as root, else ourselves with the rights taken away."""

    def setUp(self):
        super().setUp()
        self.vault.init()
        self.user = []
        if os.geteuid() == 0:
            # The build folder may lie where nobody cannot go.
            public = Path(tempfile.mkdtemp(prefix="demofs_public_", dir="/tmp"))
            self.addCleanup(shutil.rmtree, public)
            # Runs before: the mount point will lie in there.
            self.addCleanup(lambda: self.assertEqual(self.vault.clean_up(), []))
            public.chmod(0o755)
            shutil.copy(self.vault.program, public / "demofs")
            shutil.move(self.vault.path, public / "vault")
            shutil.move(self.vault.password_file, public / "password")
            (public / "mnt").mkdir()
            (public / "demofs.log").touch()
            for path in public.rglob("*"):
                os.chown(path, NOBODY, NOBODY)
            os.chown(public / "demofs", 0, 0)
            self.vault.program = str(public / "demofs")
            self.vault.path, self.vault.password_file = public / "vault", public / "password"
            self.vault.mount_point, self.vault.log = public / "mnt", public / "demofs.log"
            self.user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    def forbid(self, path):
        if self.user:
            os.chown(path, 0, 0)
        path.chmod(0o000)
        self.addCleanup(path.chmod, 0o700)

    def run_as_user(self, *arguments):
        return self.run_without_dev([*self.user, self.vault.program, *arguments], "mknod -m 666 {}/fuse c 10 229")

    def mount_as_user(self):
        return self.run_as_user(*self.vault.mount_arguments())

    def run_without_dev(self, command, make_fuse):
        """Runs a command where /dev is a bare one, in a mount namespace of its own."""
        if os.geteuid() != 0:
            # A user cannot make devices; their own /dev/fuse has been found usable by scripts/install_deps.
            namespace = ["unshare", "--mount", "--map-root-user"]
            if make_fuse:
                namespace, script = [], 'shift; exec "$@"'
        else:
            namespace = ["unshare", "--mount"]
        if namespace:
            if subprocess.run([*namespace, "true"], stderr=subprocess.DEVNULL).returncode != 0:
                self.skipTest("this machine does not let us make a mount namespace")
            script = BARE_DEV.replace("MAKE_FUSE", make_fuse.format('"$folder"') if make_fuse else ":")
        return subprocess.run([*namespace, "sh", "-c", script, "sh", self.folder / "dev", *map(str, command)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
                              encoding="utf-8", timeout=mount_fixture.WAIT_SECONDS)

    def test_a_vault_that_may_not_be_read(self):
        self.forbid(self.vault.path)
        self.expect_error(self.mount_as_user(), FAILURE, "(?i)permission|not permitted", self.vault.path)

    def test_a_password_file_that_may_not_be_read(self):
        self.forbid(self.vault.password_file)
        self.expect_error(self.mount_as_user(), FAILURE, "(?i)permission|not permitted", self.vault.password_file)

    def test_a_mount_point_that_may_not_be_written(self):
        self.vault.mount_point.chmod(0o555)
        if self.user:
            os.chown(self.vault.mount_point, 0, 0)
        self.expect_error(self.mount_as_user(), MOUNT_POINT, "(?i)permission|not permitted", self.vault.mount_point)

    def test_initialising_where_nothing_may_be_written(self):
        folder = Path(self.vault.path).parent / "readonly"
        folder.mkdir()
        folder.chmod(0o555)
        done = self.run_as_user("init", folder / "vault", *self.vault.password_arguments())
        self.expect_error(done, FAILURE, "(?i)permission|not permitted")

    def test_no_dev_fuse_is_said_by_the_parent_of_a_background_daemon(self):
        done = self.run_without_dev([self.vault.program, *self.vault.mount_arguments()], None)
        self.expect_error(done, NO_FUSE, "/dev/fuse")
        self.assertEqual(self.vault.find_daemons(), [])
        self.vault.mount()  # it is not locked any more


class InheritedDescriptors(MountTest):
    def test_closed_standard_descriptors_are_not_taken_by_files_of_the_vault(self):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed=closed):
                self.vault.unmount()
                command = " ".join(map(shlex.quote, map(str, [self.vault.program, *self.vault.mount_arguments()])))
                done = subprocess.run(["sh", "-c", f"{command} {closed}"], timeout=60)
                self.assertEqual(done.returncode, 0)
                self.vault.remember_daemon()
                for number in range(3):
                    self.assertEqual(os.readlink(f"/proc/{self.vault.daemon()}/fd/{number}"), "/dev/null")

    def test_a_daemon_does_not_keep_its_callers_pipes_open(self):
        self.vault.unmount()
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        try:
            subprocess.run([str(word) for word in [self.vault.program, *self.vault.mount_arguments()]], close_fds=False,
                           check=True, timeout=60)
        finally:
            os.close(writer)
        self.vault.remember_daemon()
        with open(reader, "rb") as pipe:
            self.assertEqual(pipe.read(), b"")  # would wait for the daemon's end


class PasswordInput(MountTest):
    mounted = False

    def test_from_standard_input(self):
        self.vault.run("init", self.vault.path, "--weak-key-derivation", input=PASSWORD + "\n")
        self.vault.run("info", self.vault.path, "--unlock", input=PASSWORD + "\n")
        self.vault.run("mount", self.vault.path, self.vault.mount_point, input=PASSWORD + "\n")
        self.vault.remember_daemon()
        self.assertTrue(self.vault.is_mounted())

    def test_from_a_prompt_that_does_not_echo(self):
        self.vault.init()
        code, shown = self.at_terminal(["info", "--unlock", self.vault.path], [PASSWORD])
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, "(?i)password")
        self.assertNotIn(PASSWORD, shown)

    def test_a_new_password_is_asked_for_twice(self):
        init = ["init", "--weak-key-derivation", self.vault.path]
        code, shown = self.at_terminal(init, [PASSWORD, "something else"])
        self.assertNotEqual(code, 0, shown)
        self.assertFalse((self.vault.path / "demofs.json").exists())
        code, shown = self.at_terminal(init, [PASSWORD, PASSWORD])
        self.assertEqual(code, 0, shown)
        self.vault.mount()

    def test_a_weak_new_password_gets_a_hint_before_it_is_repeated_and_is_taken(self):
        init = ["init", "--weak-key-derivation", self.vault.path]
        code, shown = self.at_terminal(init, ["sunshine1", "sunshine1"])
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, r"(?s)Password: .*is weak: .* about 10\^[0-9]+ guesses .*Password again: ")
        code, shown = self.at_terminal(["info", "--unlock", self.vault.path], ["sunshine1"])
        self.assertEqual(code, 0, shown)
        self.assertNotIn("weak:", shown)
        code, shown = self.at_terminal([*init[:-1], self.folder / "another"], ["correct horse battery staple"] * 2)
        self.assertEqual(code, 0, shown)
        self.assertNotIn("weak:", shown)

    def test_a_password_command_needs_no_line_end(self):
        self.vault.init()
        for command in (f"printf %s '{PASSWORD}'", f"printf '%s\\r\\nmore' '{PASSWORD}'"):
            self.vault.run("info", "--unlock", self.vault.path, "--password-command", command)

    def at_terminal(self, arguments, answers):
        """Runs demofs on a terminal of its own, answers each prompt; returns the exit code and what was shown."""
        pid, terminal = pty.fork()
        if pid == 0:
            try:
                os.execv(self.vault.program, [self.vault.program, *map(str, arguments)])
            finally:
                os._exit(127)
        shown = b""
        answers = list(answers)
        try:
            while True:
                try:
                    piece = os.read(terminal, 4096)
                except OSError:  # EIO: the program has ended
                    piece = b""
                if not piece:
                    break
                shown += piece
                if answers and shown.rstrip().endswith(b":"):
                    os.write(terminal, answers.pop(0).encode() + b"\n")
        finally:
            os.close(terminal)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")


if __name__ == "__main__":
    unittest.main()
