"""The filesystems that are compared, each with its fastest options that keep its promises.

Those with a daemon run it as a child in the foreground: its process is known, its end can be awaited, and a remount begins with
nothing in memory. Keys are derived as cheaply as each program allows, because mounting is not compared.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import mounts  # scripts/lib

PASSWORD = "benchmark"
# cryfs derives its key with 8 seconds of computing, and cannot be told otherwise.
MOUNT_SECONDS = 300
# One writer uses each vault, so the kernel may believe what it knows of names and attributes.
FUSE2_CACHING = "kernel_cache,big_writes,attr_timeout=3600,entry_timeout=3600"


class FilesystemError(Exception):
    """A filesystem did not do what it was asked for; the text is for the user."""


class Native:
    """A plain directory: the ceiling."""

    name = "native"
    encrypted = False
    syncs = True

    def __init__(self, folder):
        self.root = folder / "root"

    def prepare(self):
        self.root.mkdir(parents=True)

    def mount(self):
        pass

    def unmount(self):
        """Unmounts, waits for the daemon's end, and returns the seconds that took."""
        return 0.0

    def abandon(self):
        """Takes the mount and the daemon away, whatever state they are in."""

    def options(self):
        """How it is mounted, for the report."""
        return "a directory"


class Mounted(Native):
    """A filesystem with a daemon. Those below say how it is made (`create`) and mounted (`command`)."""

    encrypted = True
    program = ""
    environment = {}
    password_by_input = False

    def __init__(self, folder):
        super().__init__(folder)
        self.folder = folder
        self.vault, self.password, self.log = folder / "vault", folder / "password", folder / "log"
        self.daemon = None

    @classmethod
    def available(cls):
        """Whether the program is installed."""
        return shutil.which(cls.program) is not None

    def prepare(self):
        for path in (self.vault, self.root):
            path.mkdir(parents=True)
        self.password.write_text(PASSWORD + "\n", encoding="ascii")
        self.password.chmod(0o600)
        self.create()

    def create(self):
        """Makes the vault."""

    def command(self):
        """The daemon's command line, in the foreground."""
        raise NotImplementedError

    def unmount_command(self):
        return ["fusermount3", "-u", self.root]

    def options(self):
        return " ".join(str(word) for word in self.command() if str(word) not in (str(self.vault), str(self.root)))

    def call(self, *command):
        """Runs a program to its end. Throws FilesystemError."""
        done = subprocess.run([str(word) for word in command], input=f"{PASSWORD}\n{PASSWORD}\n", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=self.full_environment(), encoding="utf-8", errors="replace",
                              timeout=120, check=False)
        if done.returncode != 0:
            raise FilesystemError(f"{self.name}: '{Path(str(command[0])).name}' failed with code {done.returncode}: "
                                  f"{done.stdout.strip()[-500:]}")

    def full_environment(self):
        return {**os.environ, **{name: str(value) for name, value in self.environment.items()}}

    def mount(self):
        with open(self.log, "ab") as log:
            self.daemon = subprocess.Popen([str(word) for word in self.command()], stdin=subprocess.PIPE, stdout=log,
                                           stderr=log, env=self.full_environment(), start_new_session=True)
        if self.password_by_input:
            self.daemon.stdin.write(f"{PASSWORD}\n".encode())
        self.daemon.stdin.close()
        deadline = time.monotonic() + MOUNT_SECONDS
        while mounts.mount_at(self.root) is None:
            if self.daemon.poll() is not None:
                raise FilesystemError(f"{self.name} ended with code {self.daemon.returncode} instead of mounting: "
                                      f"{self.end_of_log()}")
            if time.monotonic() > deadline:
                raise FilesystemError(f"{self.name} has not mounted within {MOUNT_SECONDS} seconds: {self.end_of_log()}")
            time.sleep(0.01)
        os.statvfs(self.root)  # waits until it answers

    def unmount(self):
        started = time.perf_counter()
        self.call(*self.unmount_command())
        try:
            self.daemon.wait(timeout=120)
        except subprocess.TimeoutExpired:
            raise FilesystemError(f"{self.name} is unmounted, but its daemon has not ended within two minutes") from None
        self.daemon = None
        return time.perf_counter() - started

    def abandon(self):
        for mount in mounts.mounts_under(str(self.root)):
            mounts.detach(mount.point)
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.terminate()
            try:
                self.daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        self.daemon = None

    def end_of_log(self):
        return self.log.read_text(encoding="utf-8", errors="replace").strip()[-500:] if self.log.exists() else ""


class Demofs(Mounted):
    name = "demofs"
    program = "build/release/demofs/app/demofs"

    def create(self):
        self.vault.rmdir()
        self.call(self.program, "init", self.vault, "--password-file", self.password)

    def command(self):
        return [self.program, "mount", "--foreground", self.vault, self.root, "--password-file", self.password]

    def unmount_command(self):
        return [self.program, "unmount", self.root]

    def options(self):
        return "demofs mount"


class Gocryptfs(Mounted):
    """AES-256-GCM by OpenSSL in blocks of 4 KiB. It preallocates: without, a full disk damages blocks."""

    name = "gocryptfs"
    program = "gocryptfs"

    def create(self):
        self.call("gocryptfs", "-init", "-q", "-scryptn", "10", "-passfile", self.password, self.vault)

    def command(self):
        return ["gocryptfs", "-fg", "-q", "-nosyslog", "-kernel_cache", "-passfile", self.password, self.vault, self.root]

    def options(self):
        return "gocryptfs -kernel_cache"


class Securefs(Mounted):
    """AES-256-GCM, the fast format 4 (one encrypted file for each file)."""

    name = "securefs"
    program = "securefs"

    def create(self):
        self.call("securefs", "create", "--format", "4", "--pbkdf", "pkcs5-pbkdf2-hmac-sha256", "--rounds", "1", "--pass",
                  PASSWORD, self.vault)

    def command(self):
        return ["securefs", "mount", "--attr-timeout", "3600", "-o", "kernel_cache", "-o", "big_writes", "--pass", PASSWORD,
                self.vault, self.root]

    def options(self):
        return "securefs mount --attr-timeout 3600 -o kernel_cache -o big_writes (format 4)"


class Cryfs(Mounted):
    """AES-256-GCM in blocks of 32 KiB. Its fsync writes nothing, so it is left out where durability is measured."""

    name = "cryfs"
    program = "cryfs"
    syncs = False
    password_by_input = True

    def __init__(self, folder):
        super().__init__(folder)
        self.environment = {"CRYFS_FRONTEND": "noninteractive", "CRYFS_NO_UPDATE_CHECK": "true",
                            "CRYFS_LOCAL_STATE_DIR": folder / "state"}

    def command(self):
        return ["cryfs", "-f", "--cipher", "aes-256-gcm", "--blocksize", "32768", self.vault, self.root, "-o",
                FUSE2_CACHING]

    def options(self):
        return f"cryfs --cipher aes-256-gcm --blocksize 32768 -o {FUSE2_CACHING}"


class Encfs(Mounted):
    """AES-192-CBC as in its standard mode, without authentication, in blocks of 4 KiB instead of 1."""

    name = "encfs"
    program = "encfs"
    password_by_input = True

    def create(self):
        # It makes its configuration only by mounting.
        self.call("encfs", "-S", "--standard", self.vault, self.root)
        self.call("fusermount3", "-u", self.root)
        configuration = self.vault / ".encfs6.xml"
        text, count = re.subn(r"<blockSize>\d+</blockSize>", "<blockSize>4096</blockSize>",
                              configuration.read_text(encoding="utf-8"))
        if count != 1:
            raise FilesystemError("encfs: its configuration does not say a block size")
        configuration.write_text(text, encoding="utf-8")

    def command(self):
        return ["encfs", "-f", "-S", self.vault, self.root, "-o", FUSE2_CACHING]

    def options(self):
        return f"encfs --standard, blocks of 4 KiB, -o {FUSE2_CACHING}"


class Passthrough(Mounted):
    """libfuse's example that passes everything on to a directory: what FUSE itself costs."""

    name = "passthrough"
    encrypted = False
    source = Path("/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c")

    def command(self):
        return [self.program, "-f", "-o", f"source={self.vault}", "-o", "writeback", "-o", "cache=always", self.root]

    def options(self):
        return "passthrough_ll -o writeback -o cache=always"


def build_passthrough(folder):
    """Compiles libfuse's example; returns the program. Throws FilesystemError."""
    if not Passthrough.source.exists():
        raise FilesystemError(f"passthrough: {Passthrough.source} is not there (Debian's libfuse3-dev has it); build it yourself "
                              "and say where with --passthrough")
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "passthrough_ll"
    try:
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], check=True, capture_output=True,
                               text=True).stdout.split()
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", str(Passthrough.source), "-o", str(program), *flags], check=True,
                       capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        raise FilesystemError(f"passthrough: libfuse's example does not compile: {reason}") from None
    return program


ALL = {kind.name: kind for kind in (Native, Passthrough, Demofs, Gocryptfs, Securefs, Cryfs, Encfs)}
