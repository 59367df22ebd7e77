"""What every mount test stands on: a vault in a folder of its own, the real demofs program, and a clean end.

A test case gets `self.vault`, made and mounted (set `mounted = False` on the class to start without a mount). However the test
ends, its mounts are taken away by path, its daemons by process id, then its folder; a mount that only a lazy unmount could
remove is a failure of its own. After a failure the end of demofs' log is printed.

Environment: DEMOFS is the program (required); DEMOFS_TEST_DIR is where test folders are made.
Waiting is always for a condition; WAIT_SECONDS only bounds how long a broken program can hold up the tests.
"""

import contextlib
import errno
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "lib"))
import mounts  # noqa: E402

WAIT_SECONDS = 120
PASSWORD = "a password of the tests"
NOBODY = 65534


def demofs_program():
    program = os.environ.get("DEMOFS")
    if not program or not os.access(program, os.X_OK):
        raise RuntimeError("set DEMOFS to the demofs program to test")
    return str(Path(program).resolve())


def wait_until(condition, what):
    """Waits for condition() to be true; fails with the words if it never is."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {WAIT_SECONDS} s in vain until {what}")
        time.sleep(0.01)


def process_exists(pid):
    """True while a thread of the process runs; one that has ended but was not waited for does not count."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                status = Path(f"/proc/{pid}/task/{thread}/stat").read_text(encoding="utf-8", errors="replace")
                if status.rpartition(")")[2].split()[0] not in "ZX":
                    return True
    except (FileNotFoundError, ProcessLookupError):
        pass
    return False


def seeded_random(test):
    """A random generator whose seed is printed, and can be given in DEMOFS_TEST_SEED to repeat a run."""
    seed = int(os.environ.get("DEMOFS_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"{test.id()}: DEMOFS_TEST_SEED={seed}", file=sys.stderr, flush=True)
    return random.Random(seed)


class Vault:
    """One vault with its mount point, password file and log, all below one folder."""

    def __init__(self, folder, vault=None):
        self.program = demofs_program()
        self.folder = Path(folder)
        self.path = Path(vault) if vault else self.folder / "vault"
        self.mount_point = self.folder / "mnt"
        self.password_file = self.folder / "password"
        self.log = self.folder / "demofs.log"
        self.options = []  # more of them, for each mount
        self.foreground = None
        self.daemons = set()
        self.mount_point.mkdir(parents=True, exist_ok=True)
        self.write_password(PASSWORD)

    def write_password(self, password, name="password"):
        file = self.folder / name
        file.write_text(password + "\n")
        file.chmod(0o600)
        return file

    # -- the program ----------------------------------------------------------------------------------------------

    def run(self, *arguments, check=True, **options):
        """Runs demofs to its end with output captured; with check, a non-zero exit is an AssertionError."""
        options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
        options = {key: value for key, value in options.items() if key != "stdin" or value is not None}
        done = subprocess.run([self.program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding="utf-8", errors="replace", timeout=WAIT_SECONDS, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"demofs {arguments[0]} failed with code {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def password_arguments(self):
        return ["--password-file", self.password_file]

    def init(self, check=True):
        """Makes the vault; with a cheap key derivation, because every mount pays for it."""
        return self.run("init", self.path, "--weak-key-derivation", *self.password_arguments(), check=check)

    def mount_arguments(self):
        return ["mount", self.path, self.mount_point, *self.password_arguments(), "--log-file", self.log, *self.options]

    def mount(self, *more, check=True):
        """Mounts in the background, with more options if given. On return the mount answers."""
        done = self.run(*self.mount_arguments(), *more, check=check)
        self.remember_daemon()
        return done

    def mount_in_foreground(self, **options):
        """Starts `demofs mount -f` (with options for Popen) and returns the process once the mount answers."""
        process = subprocess.Popen([self.program, *map(str, self.mount_arguments()), "-f"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        self.foreground = process
        self.daemons.add(process.pid)
        wait_until(lambda: self.is_mounted() or process.poll() is not None, "the foreground daemon has mounted")
        if process.poll() is not None:
            raise AssertionError(f"demofs mount -f ended at once with code {process.returncode}")
        os.stat(self.mount_point)
        return process

    def unmount(self, *more, check=True):
        return self.run("unmount", self.mount_point, *more, check=check)

    def remount(self):
        self.unmount()
        self.mount()

    # -- the daemon -----------------------------------------------------------------------------------------------

    def is_mounted(self):
        mount = mounts.mount_at(self.mount_point)
        return mount is not None and mount.type.startswith("fuse")

    def find_daemons(self):
        """Process ids of demofs programs serving this mount point."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            with contextlib.suppress(OSError):
                arguments = Path("/proc", entry, "cmdline").read_bytes().split(b"\0")
                executable = os.readlink(f"/proc/{entry}/exe").removesuffix(" (deleted)")
                if executable == self.program and os.fsencode(self.mount_point) in arguments and b"mount" in arguments:
                    found.append(int(entry))
        return [pid for pid in found if process_exists(pid)]

    def remember_daemon(self):
        self.daemons.update(self.find_daemons())

    def daemon(self):
        found = self.find_daemons()
        if len(found) != 1:
            raise AssertionError(f"expected one daemon for {self.mount_point}, found {found}")
        return found[0]

    def signal_daemon(self, number):
        pid = self.daemon()
        os.kill(pid, number)
        return pid

    def wait_for_end(self, pid):
        """Waits until a daemon has ended; returns its exit code if it was started in the foreground."""
        if self.foreground and self.foreground.pid == pid:
            return self.foreground.wait(WAIT_SECONDS)
        wait_until(lambda: not process_exists(pid), f"daemon {pid} has ended")
        return None

    def kill(self):
        """kill -9; on return the daemon is gone and the mount is dead."""
        self.wait_for_end(self.signal_daemon(signal.SIGKILL))

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # -- the end --------------------------------------------------------------------------------------------------

    def clean_up(self):
        """Leaves no mount and no process; returns sentences about what had to be forced."""
        problems = []
        self.remember_daemon()
        if self.is_mounted():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.unmount(check=False)
        while mount := mounts.mount_at(self.mount_point):
            problems.append(f"{mount.point} had to be unmounted lazily")
            if not mounts.detach(mount.point):
                problems.append(f"{mount.point} cannot be unmounted")
                break
        for pid in self.daemons:
            end = time.monotonic() + 20
            while process_exists(pid) and time.monotonic() < end:
                time.sleep(0.01)
            if process_exists(pid) and pid in self.find_daemons() + [self.foreground.pid if self.foreground else 0]:
                problems.append(f"daemon {pid} had to be killed")
                os.kill(pid, signal.SIGKILL)
        if self.foreground:
            self.foreground.wait(WAIT_SECONDS)
        return problems


class FileWriter:
    """Another process that has a file open and writes to it.

    Another one, because a process that a test starts gets copies of the test's descriptors and closes them, and each close
    makes the kernel write back what lies in its page cache.
    """

    SCRIPT = """
import errno, os, sys
descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o644)
for line in sys.stdin.buffer:
    data = sys.stdin.buffer.read(int(line))
    if not data:
        os.close(os.dup(descriptor))
    assert os.write(descriptor, data) == len(data)
    print("written", flush=True)
try:
    os.close(descriptor)
    print("closed", flush=True)
except OSError as error:
    print(errno.errorcode[error.errno], flush=True)
"""

    def __init__(self, path):
        self.process = subprocess.Popen([sys.executable, "-c", self.SCRIPT, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def write(self, data):
        self.process.stdin.write(b"%d\n" % len(data) + data)
        self.process.stdin.flush()
        if (said := self.process.stdout.readline()) != b"written\n":
            raise AssertionError(f"the writer says {said}")

    def flush(self):
        """Has what was written so far handed over, as a close does, and goes on."""
        self.write(b"")

    def close(self):
        """Closes the file; returns "closed" or the name of close's error."""
        said, _ = self.process.communicate(timeout=WAIT_SECONDS)
        return said.decode().strip()


class MountTest(unittest.TestCase):
    """Base of the mount tests."""

    mounted = True

    def setUp(self):
        parent = os.environ.get("DEMOFS_TEST_DIR")
        if parent:
            os.makedirs(parent, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="mount_test_", dir=parent)).resolve()
        os.environ["XDG_STATE_HOME"] = str(self.folder / "state")  # what the program remembers of vaults
        self.vaults = []
        self.forced = []
        self.addCleanup(self.clean_up)
        self.vault = self.make_vault("")
        if self.mounted:
            self.vault.init()
            self.vault.mount()

    @property
    def root(self):
        return self.vault.mount_point

    def make_vault(self, name, vault=None):
        """Another vault with a mount point of its own, not yet initialised, cleaned up with the test."""
        made = Vault(self.folder / name if name else self.folder, vault)
        self.vaults.append(made)
        return made

    def clean_up(self):
        problems = [problem for vault in self.vaults for problem in vault.clean_up()]
        if problems or not getattr(self._outcome, "success", True):
            for vault in self.vaults:
                lines = vault.log_text().splitlines()[-40:]
                print(f"--- log of {vault.path}, last {len(lines)} lines", *lines, sep="\n", file=sys.stderr, flush=True)
        while left := mounts.mounts_under(self.folder):
            if not mounts.detach(left[0].point):
                break
        if mounts.mounts_under(self.folder):
            raise AssertionError(f"cannot unmount {self.folder}; it is left as it is")
        shutil.rmtree(self.folder)
        if problems:
            raise AssertionError("; ".join(problems))

    def start_writer(self, path):
        """A process that writes to this file; it ends with the test."""
        writer = FileWriter(path)

        def end():
            if writer.process.poll() is None:
                writer.process.kill()
                writer.process.communicate()
        self.addCleanup(end)
        return writer

    def assert_errno(self, number, function, *arguments, **options):
        with self.assertRaises(OSError) as caught:
            function(*arguments, **options)
        self.assertEqual(errno.errorcode[caught.exception.errno], errno.errorcode[number], caught.exception)

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
                if answers and piece.rstrip().endswith(b":"):  # a prompt, and not the line end behind the last answer
                    os.write(terminal, answers.pop(0).encode() + b"\n")
        finally:
            os.close(terminal)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")

    def write_synced(self, path, data):
        """Writes a file and returns when fsync says it is durable."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            self.assertEqual(os.write(descriptor, data), len(data))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
