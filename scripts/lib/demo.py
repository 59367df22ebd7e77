#!/usr/bin/env python3
"""The demo behind scripts/demo: drives a built demofs through the life of a vault and compares everything.

Exits 0 only if every step worked and not one byte differs. On every way out, failure and Ctrl-C included, the mount is
taken away and the work folder removed (except with --keep).
"""

import argparse
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import compare_trees  # noqa: E402
import mounts  # noqa: E402

MIB = 1 << 20
MARKER = b"known plaintext that nobody may find in the vault 7f3a9c"
MARKER_NAME = "a-file-name-that-must-not-show-7f3a9c.txt"
SMALLEST_NAME = 8


class Failed(Exception):
    """A step of the demo went wrong; the text is for the user."""


def say(text):
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"{bold}==> {text}{plain}", flush=True)


def detail(text):
    print(f"    {text}", flush=True)


class Ticker:
    """On a terminal, shows how long the current step has been running."""

    def __init__(self):
        self.ended = threading.Event()
        self.thread = None

    def __enter__(self):
        self.started = time.monotonic()
        if sys.stdout.isatty():
            self.thread = threading.Thread(target=self.tick, daemon=True)
            self.thread.start()
        return self

    def tick(self):
        while not self.ended.wait(1):
            print(f"\r    {time.monotonic() - self.started:.0f} s ", end="", flush=True)

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.started
        self.ended.set()
        if self.thread:
            self.thread.join()
            print("\r          \r", end="", flush=True)


def run(command, **options):
    """Runs a command; its output is shown only if it fails. Returns its standard output."""
    done = subprocess.run([os.fspath(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        output = (done.stdout + done.stderr).decode(errors="replace").strip()
        last_lines = "\n".join(output.splitlines()[-20:])
        raise Failed(f"'{' '.join(map(str, command[:4]))}' failed with code {done.returncode}:\n{last_lines}")
    return done.stdout.decode(errors="replace")


class Demo:
    def __init__(self, demofs, work, small):
        self.demofs, self.work, self.small = demofs, work, small
        self.vault, self.mount_point = work / "vault", work / "mnt"
        self.password_file, self.log = work / "password", work / "demofs.log"
        self.originals, self.reference = work / "originals", work / "reference"
        self.trees = []  # (original, name in the mount)
        self.summary = []  # (what, amount, seconds, rate)
        self.git = ["git", "-C", self.mount_point / "repository", "-c", "user.name=Demo",
                    "-c", "user.email=demo@example.org", "-c", "safe.directory=*"]
        self.git_environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(work)}

    # -- the steps ------------------------------------------------------------------------------------------------

    def run(self):
        self.prepare()
        self.make_vault()
        self.mount()
        self.copy_trees()
        self.copy_big_file()
        self.work_with_git()
        self.work_with_sqlite()
        self.keep_reference()
        self.compare("while still mounted")
        self.unmount()
        self.mount("again")
        self.read_big_file()
        self.compare("after mounting again")
        self.check_git_and_sqlite()
        self.unmount(" again")
        self.search_for_plaintext()

    def prepare(self):
        say("Choosing what to put in")
        if self.small:
            candidates, wanted = ["/usr/include/linux", "/usr/share/doc/git"], 0
        else:
            candidates, wanted = ["/usr/include", "/usr/share/doc", "/usr/share", "/usr/lib/python3"], 5000
        files = size = 0
        for number, folder in enumerate(map(Path, candidates)):
            # The first two always; more only where containers leave out the documentation.
            if not folder.is_dir() or (number >= 2 and files >= wanted):
                continue
            count, length = self.measure(folder)
            if folder == Path("/usr/share"):
                self.trees = [tree for tree in self.trees if tree[0] != Path("/usr/share/doc")]
            self.trees.append((folder, folder.name))
            files, size = files + count, size + length
            detail(f"{folder}: {count:,} files, {length / MIB:,.0f} MiB")
        if files < wanted:
            raise Failed(f"found only {files} files to copy, but the demo wants {wanted}")
        self.files, self.bytes = files, size
        self.big_bytes = (32 if self.small else 512) * MIB
        needed = self.bytes * 2 + self.big_bytes * 3
        free = shutil.disk_usage(self.work).free
        if free < needed:
            raise Failed(f"{self.work} has {free / MIB:,.0f} MiB free, the demo needs {needed / MIB:,.0f}: set TMPDIR")
        self.originals.mkdir()
        with open(self.originals / "big.bin", "wb") as big:
            for _ in range(self.big_bytes // MIB):
                big.write(MARKER + os.urandom(MIB - len(MARKER)))
        (self.originals / MARKER_NAME).write_bytes(MARKER * 3)
        detail(f"one file of {self.big_bytes // MIB} MiB, and a marker to search for in the vault afterwards")

    @staticmethod
    def measure(folder):
        entries = compare_trees.entries_of(os.fsencode(folder)).values()
        regular = [entry.st_size for entry in entries if stat.S_ISREG(entry.st_mode)]
        return len(regular), sum(regular)

    def make_vault(self):
        say("demofs init: making a vault")
        descriptor = os.open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("correct horse battery staple\n")
        run([self.demofs, "init", self.vault, "--password-file", self.password_file])
        for line in run([self.demofs, "info", self.vault, "--password-file", self.password_file]).splitlines():
            detail(line)

    def mount(self, again=""):
        say(f"demofs mount: mounting it {again}".rstrip())
        self.mount_point.mkdir(exist_ok=True)
        run([self.demofs, "mount", self.vault, self.mount_point, "--password-file", self.password_file,
             "--log-file", self.log], timeout=120)
        if not mounts.mount_at(self.mount_point):
            raise Failed("demofs mount succeeded, but nothing is mounted")

    def copy_trees(self):
        folders = " and ".join(str(original) for original, _ in self.trees)
        say(f"cp -a {folders}")
        with Ticker() as timer:
            for original, name in self.trees:
                run(["cp", "-a", original, self.mount_point / name])
            self.sync()
        self.record("copy a tree (cp -a)", f"{self.files:,} files, {self.bytes / MIB:,.0f} MiB", timer.seconds,
                    f"{self.files / timer.seconds:,.0f} files/s")
        run(["cp", "-a", self.originals / MARKER_NAME, self.mount_point / MARKER_NAME])

    def copy_big_file(self):
        say(f"cp: one file of {self.big_bytes // MIB} MiB")
        with Ticker() as timer:
            run(["cp", "-a", self.originals / "big.bin", self.mount_point / "big.bin"])
            run(["sync", self.mount_point / "big.bin"])
        self.record("write one big file, with fsync", f"{self.big_bytes // MIB} MiB", timer.seconds,
                    f"{self.big_bytes / MIB / timer.seconds:,.0f} MiB/s")

    def read_big_file(self):
        say("Reading the big file")
        with Ticker() as timer, open(self.mount_point / "big.bin", "rb", buffering=0) as file:
            while file.read(MIB):
                pass
        self.record("read it after mounting again", f"{self.big_bytes // MIB} MiB", timer.seconds,
                    f"{self.big_bytes / MIB / timer.seconds:,.0f} MiB/s")

    def work_with_git(self):
        say("git inside: init, add, commit, status, fsck")
        repository = self.mount_point / "repository"
        source = Path("/usr/include/linux")
        if not source.is_dir():
            source = self.trees[0][0]
        with Ticker() as timer:
            run(["git", "init", "--quiet", "--initial-branch=main", repository], env=self.git_environment)
            run(["cp", "-a", source, repository / "files"])
            self.run_git("add", ".")
            self.run_git("commit", "--quiet", "--message=Everything")
            self.expect_clean_repository()
            self.run_git("fsck", "--strict")
        count = len(self.run_git("ls-files").splitlines())
        self.record("git: init, add, commit, status, fsck", f"{count:,} files", timer.seconds, "")

    def run_git(self, *arguments):
        return run([*self.git, *arguments], env=self.git_environment)

    def expect_clean_repository(self):
        changes = self.run_git("status", "--porcelain")
        if changes:
            raise Failed(f"git sees changes that nobody made:\n{changes}")

    def work_with_sqlite(self):
        self.transactions = 100 if self.small else 1000
        say(f"sqlite3 inside: {self.transactions:,} transactions")
        folder = self.mount_point / "database"
        folder.mkdir()
        statements = ["PRAGMA synchronous=FULL;", "CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT);"]
        for number in range(self.transactions):
            statements.append(f"BEGIN; INSERT INTO entry VALUES ({number}, 'row {number} {'x' * 200}'); COMMIT;")
        script = self.work / "transactions.sql"
        script.write_text("\n".join(statements))
        with Ticker() as timer:
            run(["sqlite3", "-bail", folder / "demo.db", f".read '{script}'"])
        self.check_database()
        self.record("sqlite3, each transaction synced", f"{self.transactions:,} transactions", timer.seconds,
                    f"{self.transactions / timer.seconds:,.0f}/s")

    def check_database(self):
        query = "PRAGMA integrity_check; SELECT count(*), sum(id) FROM entry;"
        answer = run(["sqlite3", "-bail", self.mount_point / "database" / "demo.db", query]).split()
        expected = ["ok", f"{self.transactions}|{self.transactions * (self.transactions - 1) // 2}"]
        if answer != expected:
            raise Failed(f"the database answers {answer} instead of {expected}")

    def keep_reference(self):
        """Copies out what was made inside the mount, so that it can be compared after mounting again."""
        self.reference.mkdir()
        for name in ("repository", "database"):
            run(["cp", "-a", self.mount_point / name, self.reference / name])

    def compare(self, when):
        say(f"Comparing everything byte for byte, {when}")
        pairs = [(original, self.mount_point / name) for original, name in self.trees]
        pairs += [(self.reference / name, self.mount_point / name) for name in ("repository", "database")]
        statistics = compare_trees.Statistics()
        found = []
        with Ticker() as timer:
            for expected, actual in pairs:
                for difference in compare_trees.differences(expected, actual, owner=os.geteuid() == 0,
                                                            statistics=statistics):
                    found.append(f"{actual.name}/{difference}")
            for name in ("big.bin", MARKER_NAME):
                expected, actual = self.originals / name, self.mount_point / name
                statistics.entries += 1
                offset = compare_trees.first_difference(expected, actual, statistics)
                if offset is not None:
                    found.append(f"{name}: contents differ at byte {offset}")
                if os.stat(expected).st_mtime_ns != os.stat(actual).st_mtime_ns:
                    found.append(f"{name}: modification time differs")
            expected_names = {name for _, name in self.trees} | {"big.bin", MARKER_NAME, "repository", "database"}
            found += [f"{name}: unexpected or missing" for name in expected_names ^ set(os.listdir(self.mount_point))]
        if found:
            shown = "\n".join(found[:20])
            raise Failed(f"{len(found)} differences {when}:\n{shown}")
        detail(f"{statistics.entries:,} entries and {statistics.bytes / MIB:,.0f} MiB are identical")
        self.record(f"compare all, {when}", f"{statistics.entries:,} entries, {statistics.bytes / MIB:,.0f} MiB",
                    timer.seconds, f"{statistics.bytes / MIB / timer.seconds:,.0f} MiB/s")

    def check_git_and_sqlite(self):
        say("git and sqlite3 look again")
        self.expect_clean_repository()
        self.run_git("fsck", "--strict")
        self.check_database()
        detail("git fsck and the database's integrity check find nothing wrong")

    def unmount(self, again=""):
        say("demofs unmount: tearing down in order")
        with Ticker() as timer:
            report = run([self.demofs, "unmount", "-v", self.mount_point], timeout=600)
        for line in report.splitlines():
            detail(line)
        if mounts.mount_at(self.mount_point):
            raise Failed("demofs unmount succeeded, but the vault is still mounted")
        self.record(f"unmount{again}", "", timer.seconds, "")

    def search_for_plaintext(self):
        say("Searching the vault for known plaintext and names")
        names = {MARKER_NAME, "repository", "transactions.sql"}
        for original, _ in self.trees:
            for path in compare_trees.entries_of(os.fsencode(original)):
                name = os.fsdecode(os.path.basename(path))
                if len(name) >= SMALLEST_NAME and name.isascii() and "." in name:
                    names.add(name)
                if len(names) > 2000:
                    break
        # The short words of the vault's own configuration file are no secret.
        names -= {"demofs.json"}
        needles = self.work / "needles"
        needles.write_bytes(b"\n".join([MARKER[:24], *map(os.fsencode, sorted(names))]) + b"\n")
        search = ["grep", "--recursive", "--fixed-strings", "--files-with-matches", f"--file={needles}"]
        environment = {**os.environ, "LC_ALL": "C"}
        # The search itself must be able to find something.
        control = subprocess.run([*search, self.originals], env=environment, stdout=subprocess.PIPE)
        if len(control.stdout.splitlines()) != 2:
            raise Failed("the search does not even find the marker in the original files")
        with Ticker():
            found = subprocess.run([*search, self.vault], env=environment, stdout=subprocess.PIPE)
        if found.returncode != 1:
            raise Failed("plaintext in the vault:\n" + found.stdout.decode(errors="replace"))
        count = size = 0
        for path, status in compare_trees.entries_of(os.fsencode(self.vault)).items():
            if stat.S_ISREG(status.st_mode):
                count, size = count + 1, size + status.st_size
            name = os.fsdecode(os.path.basename(path))
            if any(needle in name for needle in names):
                raise Failed(f"a name shows in the vault: {os.fsdecode(path)}")
        detail(f"none of {len(names):,} names and markers in the vault's {count:,} files ({size / MIB:,.0f} MiB)")

    # -- helpers --------------------------------------------------------------------------------------------------

    def sync(self):
        """Returns when what was written is durable: the fsync of a directory is a commit of everything before it."""
        descriptor = os.open(self.mount_point, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def record(self, what, amount, seconds, rate):
        self.summary.append((what, amount, seconds, rate))

    def print_summary(self):
        say("Summary")
        width = max(len(row[0]) for row in self.summary)
        amount_width = max(len(row[1]) for row in self.summary)
        for what, amount, seconds, rate in self.summary:
            detail(f"{what:<{width}}  {amount:>{amount_width}}  {seconds:8.2f} s  {rate:>16}")

    def clean_up_mount(self):
        """Takes away whatever is still mounted below the work folder; True if nothing is left."""
        if mounts.mount_at(self.mount_point):
            try:
                subprocess.run([self.demofs, "unmount", self.mount_point], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
            except (OSError, subprocess.TimeoutExpired):
                pass
        for mount in mounts.mounts_under(self.work):
            mounts.detach(mount.point)
        return not mounts.mounts_under(self.work)

    def show_log(self):
        if self.log.is_file():
            lines = self.log.read_text(errors="replace").splitlines()
            print("Last lines of the log:", *lines[-15:], sep="\n    ", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description="Drive demofs through the life of a vault.")
    parser.add_argument("--demofs", required=True, type=Path, help="the program to show")
    parser.add_argument("--small", action="store_true", help="less data")
    parser.add_argument("--keep", action="store_true", help="leave the vault")
    arguments = parser.parse_args()
    demofs = Path(shutil.which(arguments.demofs) or "").resolve()
    if not demofs.is_file():
        print(f"demo: there is no program {arguments.demofs}", file=sys.stderr)
        return 1

    def interrupted(number, _):
        raise KeyboardInterrupt(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    work = Path(tempfile.mkdtemp(prefix="demofs-demo-", dir=os.environ.get("TMPDIR", "/var/tmp"))).resolve()
    os.environ["XDG_STATE_HOME"] = str(work / "state")  # nothing of the demo is remembered after it
    demo = Demo(demofs, work, arguments.small)
    result = 1
    try:
        demo.run()
        demo.print_summary()
        result = 0
    except Failed as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        demo.show_log()
    except (OSError, subprocess.TimeoutExpired) as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        demo.show_log()
    except KeyboardInterrupt:
        print("\nInterrupted, cleaning up", file=sys.stderr)
        result = 130
    finally:
        # A second Ctrl-C must not leave a mount behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if not demo.clean_up_mount():
            print(f"demo: something is still mounted below {work}; nothing there was removed", file=sys.stderr)
            result = result or 1
        elif arguments.keep:
            detail(f"the vault is in {demo.vault}, its password in {demo.password_file}")
        else:
            shutil.rmtree(work)
    if result == 0:
        say("Everything came back identical. Your own vault:")
        for command in ("init ~/vault", "mount ~/vault ~/private", "unmount ~/private"):
            detail(f"{demofs} {command}")
        detail("(make the folder ~/private first; init and mount ask for a password)")
    return result


if __name__ == "__main__":
    sys.exit(main())
