"""The workloads, and the scenarios that run them.

A scenario mounts a filesystem, runs several workloads that build on each other, and unmounts. What is read cold is read after mounting
anew with the system's caches dropped, so that neither the kernel nor the daemon knows anything. All filesystems get the same
operations, and end what they write with fsync.
"""

import os
import random
import shutil
import sqlite3
import time
from dataclasses import dataclass

from . import fio, machine, material

KIB = 1 << 10
MIB = 1 << 20


@dataclass(frozen=True)
class Workload:
    """What is measured, how it is shown, and the goals: ratios to the best encrypted peer and to passthrough."""

    title: str
    unit: str
    more_is_better: bool = True
    needs_sync: bool = False  # those that ignore fsync are no measure
    in_mean: bool = True
    goal_peer: float = 1.2
    goal_passthrough: float = None


ALL = {
    "sequential write": Workload("sequential write", "MB/s", goal_peer=2, goal_passthrough=1),
    "cold read": Workload("sequential cold read", "MB/s", goal_passthrough=1),
    "random read": Workload("random read 4 KiB, depth 1", "/s", goal_passthrough=0.9),
    "deep random read": Workload("random read 4 KiB, 2 x 16", "/s", goal_peer=1.5, goal_passthrough=0.8),
    "random write": Workload("random write 4 KiB", "/s", goal_peer=3, goal_passthrough=1),
    "mix": Workload("random 4 KiB, 70 read : 30 write", "/s", goal_peer=3, goal_passthrough=1),
    "write and fsync": Workload("write 4 KiB + fsync", "/s", needs_sync=True, goal_peer=1.3, goal_passthrough=0.9),
    "fsync p99": Workload("the same, 99th percentile", "ms", more_is_better=False, needs_sync=True, goal_peer=1),
    "sqlite transactions": Workload("sqlite, synced transactions", "/s", needs_sync=True, goal_peer=1.3, goal_passthrough=1),
    "sqlite bulk": Workload("sqlite, rows in one transaction", "/s", goal_peer=1.3, goal_passthrough=1),
    "create": Workload("create small files", "/s"),
    "walk": Workload("list and stat a tree", "/s"),
    "cold stat": Workload("cold stat", "/s"),
    "small read": Workload("cold read of small files", "/s"),
    "delete": Workload("delete", "/s"),
    "untar": Workload("untar", "s", more_is_better=False),
    "copy": Workload("cp -r", "s", more_is_better=False),
    "clone": Workload("git clone", "s", more_is_better=False),
    "status": Workload("git status, cold", "s", more_is_better=False),
    "remove": Workload("rm -rf", "s", more_is_better=False),
    "unmount": Workload("unmount with unwritten files", "s", more_is_better=False, in_mean=False, goal_peer=None),
}


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    large_file_mib: int
    random_writes_mib: int
    synced_file_mib: int
    seconds: float  # of each run of fio
    transactions: int
    rows: int
    small_files: int
    tree_files: int
    drop_caches: bool = True  # the whole system's


SIZES = {
    "normal": Sizes(512, 128, 64, 4, 400, 300_000, 5000, 3000),
    "small": Sizes(128, 32, 16, 1.5, 100, 60_000, 1500, 800),
    "smoke": Sizes(8, 2, 2, 0.2, 5, 1000, 60, 60, drop_caches=False),
}


def fsync_path(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def timed(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


class Run:
    """One scenario on one filesystem: the folder to work in, and the figures so far."""

    def __init__(self, filesystem, sizes, things):
        self.filesystem, self.sizes, self.material = filesystem, sizes, things
        self.root = filesystem.root / "work"
        self.figures = {}
        self.cold = True  # whether the caches could be dropped each time

    def perform(self, scenario):
        """Mounts, runs, cleans the folder away, unmounts."""
        self.filesystem.mount()
        self.root.mkdir()
        os.sync()
        scenario(self)
        if self.root.exists():
            shutil.rmtree(self.root)
        self.filesystem.unmount()
        return self.figures

    def remount_cold(self):
        self.filesystem.unmount()
        self.cold = self.sizes.drop_caches and machine.drop_caches() and self.cold
        self.filesystem.mount()


def write_file(path, size_mib, data):
    with open(path, "wb", buffering=0) as file:
        for _ in range(size_mib):
            file.write(data)
        os.fsync(file.fileno())


def large_file(run):
    sizes, path, data = run.sizes, run.root / "large", os.urandom(MIB)
    size = sizes.large_file_mib * MIB
    buffer = bytearray(MIB)

    def read():
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass

    def random_access(**options):
        run.remount_cold()
        return fio.run(path, size, sizes.seconds, **options)[0]

    run.figures["sequential write"] = size / 1e6 / timed(lambda: write_file(path, sizes.large_file_mib, data))
    run.remount_cold()
    run.figures["cold read"] = size / 1e6 / timed(read)
    if not fio.available():
        return
    run.figures["random read"] = random_access(rw="randread")
    run.figures["deep random read"] = random_access(rw="randread", ioengine="io_uring", numjobs=2, iodepth=16)
    run.figures["random write"] = random_access(rw="randwrite", io_size=sizes.random_writes_mib * MIB, end_fsync=1)
    run.figures["mix"] = random_access(rw="randrw", rwmixread=70, io_size=sizes.random_writes_mib * MIB, end_fsync=1)


def synced(run):
    sizes, path = run.sizes, run.root / "synced"
    if fio.available():
        write_file(path, sizes.synced_file_mib, os.urandom(MIB))
        rate, p99 = fio.run(path, sizes.synced_file_mib * MIB, sizes.seconds, rw="randwrite", fsync=1)
        run.figures["write and fsync"], run.figures["fsync p99"] = rate, p99
    database = sqlite3.connect(run.root / "database", isolation_level=None)
    try:
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, name TEXT, content BLOB)")

        def transactions():
            for number in range(sizes.transactions):
                database.execute("INSERT INTO entries VALUES (?, ?, ?)", (number, f"entry {number}", b"x" * 100))

        def bulk():
            database.execute("BEGIN")
            database.executemany("INSERT INTO entries VALUES (?, ?, ?)",
                                 ((number, f"entry {number}", b"x" * 100)
                                  for number in range(sizes.transactions, sizes.transactions + sizes.rows)))
            database.execute("COMMIT")

        run.figures["sqlite transactions"] = sizes.transactions / timed(transactions)
        run.figures["sqlite bulk"] = sizes.rows / timed(bulk)
    finally:
        database.close()


def small_files(run):
    tree, count = run.root / "tree", run.sizes.small_files
    folders = [tree / f"folder{number}" for number in range(50)]
    paths = [str(folders[number % len(folders)] / f"file-{number:06d}") for number in range(count)]
    shuffled = random.Random(3).sample(paths, count)
    data = os.urandom(8 * KIB)

    def create():
        for number, path in enumerate(paths):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            os.write(descriptor, data[:500 + number * 37 % 7000])
            os.close(descriptor)
        fsync_path(tree)

    def walk():
        seen = 0
        for folder, _, names in os.walk(tree):
            for name in names:
                os.stat(os.path.join(folder, name))
                seen += 1
        if seen != count:
            raise OSError(f"found {seen} of {count} files")

    def stat():
        for path in shuffled:
            os.stat(path)

    def read():
        for path in shuffled:
            with open(path, "rb", buffering=0) as file:
                file.read()

    def delete():
        for path in paths:
            os.unlink(path)
        fsync_path(tree)

    for folder in folders:
        folder.mkdir(parents=True)
    run.figures["create"] = count / timed(create)
    run.figures["walk"] = count / timed(walk)
    run.remount_cold()
    run.figures["cold stat"] = count / timed(stat)
    run.remount_cold()
    run.figures["small read"] = count / timed(read)
    run.figures["delete"] = count / timed(delete)


def settle_index(repository):
    """Writes git's index in a later second than every file. Where a file is as young as the index, git cannot know that it has
    not changed since and reads it: it would read the more of them, the faster the clone was."""
    newest = (repository / ".git/index").stat().st_mtime
    while int(time.time()) <= int(newest):
        time.sleep(0.05)
    material.run_timed(["git", "update-index", "--refresh", "--force-write-index"], repository)


def trees(run):
    def seconds(*command, folder=run.root):
        return material.run_timed(command, folder)

    run.figures["untar"] = seconds("tar", "-xf", run.material.archive)
    run.figures["copy"] = seconds("cp", "-r", "tree", "copy")
    run.figures["clone"] = seconds("git", "clone", "--quiet", "--no-hardlinks", run.material.repository, "clone")
    settle_index(run.root / "clone")
    run.remount_cold()
    run.figures["status"] = seconds("git", "status", "--short", folder=run.root / "clone")
    run.figures["remove"] = seconds("rm", "-rf", "copy")


def unmounting(run):
    """What is unwritten when the unmount begins: one file of 64 MiB at the most, and as many small ones as untar makes."""
    data = os.urandom(MIB)
    with open(run.root / "large", "wb", buffering=0) as file:
        for _ in range(min(64, run.sizes.large_file_mib)):
            file.write(data)
    material.run_timed(["tar", "-xf", run.material.archive], run.root)
    run.figures["unmount"] = run.filesystem.unmount()
    run.filesystem.mount()


SCENARIOS = {scenario.__name__: scenario for scenario in (large_file, synced, small_files, trees, unmounting)}
