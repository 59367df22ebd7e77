#!/usr/bin/env python3
"""Measures filesystems side by side through their mounts: a native directory, demofs and gocryptfs.

    benchmarks/compare.py --demofs build/release/demofs/app/demofs [--rounds 5] [--small] [--json FILE]

The rounds are interleaved (native, demofs, gocryptfs, native, …) so that a slow minute of the machine hits all alike; shown are
medians, and their ratio to gocryptfs. What is read cold is read after mounting anew with the page cache dropped; dropping it needs
root, without it those figures are marked as warm. All filesystems get the same file operations from this one process, and their
vaults lie beside each other in one folder (TMPDIR, else /var/tmp).
"""

import argparse
import json
import mmap
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts" / "lib"))
import mounts  # noqa: E402

MIB = 1 << 20
PASSWORD = "benchmark\n"


def drop_page_cache():
    """Writes everything back and empties the page cache; False if this user may not."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1")
        return True
    except OSError:
        return False


def back_free_memory(share):
    """Touches and frees this share of the available memory.

    The host of a virtual machine takes free memory back; then the first use of each page costs a fault in the host, several
    times what any filesystem costs, and whoever comes first after a pause pays it. After this the page cache grows into
    memory that is there.
    """
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    with mmap.mmap(-1, int(available * share), flags=flags):
        pass


class Native:
    """A plain directory: the ceiling."""

    name = "native"

    def __init__(self, folder):
        self.root = folder
        self.root.mkdir(parents=True)

    def mount(self):
        pass

    def unmount(self):
        pass


class Mounted:
    """An encrypted vault with its mount point; the password comes from a file."""

    def __init__(self, folder, program):
        self.program = program
        self.vault, self.root, self.password = folder / "vault", folder / "mnt", folder / "password"
        for path in (self.vault, self.root):
            path.mkdir(parents=True)
        self.password.write_text(PASSWORD)
        self.password.chmod(0o600)
        self.init()

    def call(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", timeout=600)
        if done.returncode != 0:
            raise RuntimeError(f"{self.program} {arguments[0]} failed with code {done.returncode}: {done.stdout}")


class Demofs(Mounted):
    name = "demofs"

    def init(self):
        self.vault.rmdir()
        self.call("init", self.vault, "--password-file", self.password)

    def mount(self):
        self.call("mount", self.vault, self.root, "--password-file", self.password)

    def unmount(self):
        self.call("unmount", self.root)


class Gocryptfs(Mounted):
    name = "gocryptfs"

    def init(self):
        self.call("-init", "-q", "-passfile", self.password, self.vault)

    def mount(self):
        self.call("-q", "-kernel_cache", "-passfile", self.password, self.vault, self.root)

    def unmount(self):
        subprocess.run(["fusermount3", "-u", self.root], check=True)
        # The daemon may still be closing files; the next mount of the same vault does not mind.


class Sizes:
    def __init__(self, small):
        self.big_mib = 64 if small else 512
        self.files = 500 if small else 5000
        self.syncs = 100 if small else 500
        self.random_reads = 500 if small else 4000


def timed(function):
    back_free_memory(0.05)
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def fsync_path(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


class Cases:
    """One round on one filesystem. Each case returns a rate; more is better."""

    ALL = {"sequential write": "MiB/s", "cold read": "MiB/s", "warm read": "MiB/s", "random 4k read, cold": "/s",
           "create small files": "/s", "stat and list the tree": "/s", "cold stat and list": "/s", "read small files": "/s",
           "4k append + fsync": "/s", "4k overwrite + fsync": "/s", "delete": "/s"}

    def __init__(self, filesystem, sizes, data):
        self.filesystem, self.sizes, self.data = filesystem, sizes, data
        self.root = filesystem.root / "bench"
        self.cold = True
        self.figures = {}

    def remount(self):
        self.filesystem.unmount()
        self.cold = drop_page_cache() and self.cold
        self.filesystem.mount()

    def run(self):
        back_free_memory(0.6)
        self.filesystem.mount()
        if self.root.exists():
            shutil.rmtree(self.root)
        self.root.mkdir()
        os.sync()
        self.big_file()
        self.small_files()
        self.synced_writes()
        self.filesystem.unmount()
        return self.figures

    def big_file(self):
        path, size = self.root / "big", self.sizes.big_mib * MIB

        def write():
            with open(path, "wb", buffering=0) as file:
                for _ in range(self.sizes.big_mib):
                    file.write(self.data)
                os.fsync(file.fileno())

        def read():
            with open(path, "rb", buffering=0) as file:
                while file.read(MIB):
                    pass

        def read_randomly():
            places = random.Random(1)
            with open(path, "rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
                for _ in range(self.sizes.random_reads):
                    file.seek(places.randrange(size // 4096) * 4096)
                    file.read(4096)

        self.figures["sequential write"] = self.sizes.big_mib / timed(write)
        self.remount()
        self.figures["cold read"] = self.sizes.big_mib / timed(read)
        self.figures["warm read"] = self.sizes.big_mib / timed(read)
        self.remount()
        self.figures["random 4k read, cold"] = self.sizes.random_reads / timed(read_randomly)

    def small_files(self):
        tree, count = self.root / "tree", self.sizes.files
        tree.mkdir()
        folders = [tree / f"folder{number}" for number in range(50)]
        for folder in folders:
            folder.mkdir()
        paths = [folders[number % len(folders)] / f"file-{number:06d}" for number in range(count)]

        def create():
            for number, path in enumerate(paths):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
                os.write(descriptor, self.data[:500 + number * 37 % 7000])
                os.close(descriptor)
            fsync_path(tree)

        def walk():
            seen = 0
            for folder, _, names in os.walk(tree):
                for name in names:
                    os.stat(os.path.join(folder, name))
                    seen += 1
            assert seen == count, f"found {seen} of {count} files"

        def read():
            for path in paths:
                with open(path, "rb", buffering=0) as file:
                    file.read()

        def delete():
            for path in paths:
                os.unlink(path)
            fsync_path(tree)

        self.figures["create small files"] = count / timed(create)
        self.figures["stat and list the tree"] = count / timed(walk)
        self.remount()
        self.figures["cold stat and list"] = count / timed(walk)
        self.figures["read small files"] = count / timed(read)
        self.figures["delete"] = count / timed(delete)

    def synced_writes(self):
        path, count, block = self.root / "synced", self.sizes.syncs, self.data[:4096]
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

        def append():
            for number in range(count):
                os.pwrite(descriptor, block, number * 4096)
                os.fsync(descriptor)

        def overwrite():
            places = random.Random(2)
            for _ in range(count):
                os.pwrite(descriptor, block, places.randrange(count) * 4096)
                os.fsync(descriptor)

        try:
            self.figures["4k append + fsync"] = count / timed(append)
            self.figures["4k overwrite + fsync"] = count / timed(overwrite)
        finally:
            os.close(descriptor)


def print_table(results, names, cold):
    reference = "gocryptfs" if "gocryptfs" in names else names[0]
    ratios = [name for name in names if name != reference]
    width = max(len(f"{case}, {unit}") for case, unit in Cases.ALL.items())
    print(f"\n{'medians':<{width}}" + "".join(f"{name:>12}" for name in names) +
          "".join(f"{name + ' / ' + reference:>22}" for name in ratios))
    for case, unit in Cases.ALL.items():
        medians = {name: statistics.median(values[case]) for name, values in results.items() if values.get(case)}
        if not medians:
            continue
        line = f"{case + ', ' + unit:<{width}}" + "".join(f"{medians[name]:>12,.0f}" for name in names)
        line += "".join(f"{medians[name] / medians[reference]:>21.2f}x" for name in ratios)
        print(line)
    if not cold:
        print("The page cache could not be dropped (that needs root): the cold figures are of a fresh mount, but warm disk.")


def main():
    parser = argparse.ArgumentParser(description="Measure filesystems side by side through their mounts.")
    parser.add_argument("--demofs", default="build/release/demofs/app/demofs", help="the program to measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="a quick look, not for quoting")
    parser.add_argument("--filesystems", default="native,demofs,gocryptfs", help="which, separated by commas")
    parser.add_argument("--json", type=Path, help="also write every single figure to this file")
    arguments = parser.parse_args()
    names = arguments.filesystems.split(",")
    sizes = Sizes(arguments.small)

    def interrupted(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    work = Path(tempfile.mkdtemp(prefix="demofs-compare-", dir=os.environ.get("TMPDIR", "/var/tmp"))).resolve()
    results, cold = {name: {} for name in names}, True
    try:
        filesystems = []
        for name in names:
            if name == "native":
                filesystems.append(Native(work / name))
            elif name == "demofs":
                filesystems.append(Demofs(work / name, os.path.abspath(arguments.demofs)))
            elif name == "gocryptfs":
                if not shutil.which("gocryptfs"):
                    parser.error("gocryptfs is not installed (scripts/install_deps --all)")
                filesystems.append(Gocryptfs(work / name, "gocryptfs"))
            else:
                parser.error(f"unknown filesystem {name}")
        data = os.urandom(MIB)
        for number in range(arguments.rounds):
            for filesystem in filesystems:
                print(f"\rround {number + 1} of {arguments.rounds}: {filesystem.name}          ", end="", file=sys.stderr,
                      flush=True)
                cases = Cases(filesystem, sizes, data)
                for case, value in cases.run().items():
                    results[filesystem.name].setdefault(case, []).append(value)
                cold = cold and cases.cold
        print(file=sys.stderr)
        print_table(results, names, cold)
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1) + "\n")
        return 0
    except KeyboardInterrupt:
        print("\nInterrupted", file=sys.stderr)
        return 130
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"\ncompare: {error}", file=sys.stderr)
        return 1
    finally:
        for mount in mounts.mounts_under(work):
            mounts.detach(mount.point)
        if mounts.mounts_under(work):
            print(f"compare: something is still mounted below {work}; nothing there was removed", file=sys.stderr)
        else:
            shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
