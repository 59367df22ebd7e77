#!/usr/bin/env python3
"""Compares two directory trees byte for byte, with everything that `cp -a` keeps.

    compare_trees.py EXPECTED ACTUAL [--no-times] [--no-owner] [--progress]

Compared for every entry below the two directories: name, type, contents or symlink target, size, permission bits,
owner and group, modification time in nanoseconds, and which names are hard links of one file. Prints each
difference in one line and exits 1 if there is one, 2 if a tree cannot be read.

Options for trees that cannot agree everywhere: --no-owner (a copy made by a normal user), --no-times (the
directories were filled in place).

Used as a module: `differences(expected, actual, ...)` yields the same lines.
"""

import argparse
import os
import stat
import sys

CHUNK_BYTES = 1 << 20
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "character device", stat.S_IFBLK: "block device"}


class Statistics:
    """What has been compared so far."""

    def __init__(self):
        self.entries = 0
        self.bytes = 0


def kind(status):
    return KINDS.get(stat.S_IFMT(status.st_mode), "unknown")


def entries_of(directory):
    """All entries below a directory: {relative path (bytes): lstat}."""
    found = {}
    pending = [b""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(directory, folder)) as listing:
            for entry in listing:
                path = os.path.join(folder, entry.name)
                found[path] = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
    return found


def first_difference(expected, actual, statistics):
    """The offset of the first byte in which two files differ (or in which one has ended), or None."""
    offset = 0
    with open(expected, "rb", buffering=0) as left, open(actual, "rb", buffering=0) as right:
        while True:
            a, b = left.read(CHUNK_BYTES), right.read(CHUNK_BYTES)
            # A raw read may be short at any point: complete the shorter one.
            while len(a) < len(b) and (more := left.read(len(b) - len(a))):
                a += more
            while len(b) < len(a) and (more := right.read(len(a) - len(b))):
                b += more
            if a != b:
                common = min(len(a), len(b))
                return offset + next((i for i in range(common) if a[i] != b[i]), common)
            if not a:
                return None
            offset += len(a)
            statistics.bytes += len(a)


def link_groups(entries):
    """For each non-directory with several names in the tree: {path: frozenset of all its names}."""
    names = {}
    for path, status in entries.items():
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            names.setdefault((status.st_dev, status.st_ino), []).append(path)
    return {path: frozenset(group) for group in names.values() if len(group) > 1 for path in group}


def show(path):
    return os.fsdecode(path).encode("utf-8", "backslashreplace").decode()


def differences(expected, actual, times=True, owner=True, links=True, statistics=None, progress=None):
    """Yields one sentence for each difference between the trees; nothing if they are equal."""
    statistics = statistics or Statistics()
    expected, actual = os.fsencode(expected), os.fsencode(actual)
    wanted, found = entries_of(expected), entries_of(actual)
    for path in sorted(wanted.keys() - found.keys()):
        yield f"{show(path)}: missing"
    for path in sorted(found.keys() - wanted.keys()):
        yield f"{show(path)}: not expected"
    wanted_links, found_links = link_groups(wanted), link_groups(found)
    common = wanted.keys() & found.keys()
    for number, path in enumerate(sorted(common)):
        a, b = wanted[path], found[path]
        statistics.entries += 1
        if progress and number % 500 == 0:
            progress(number, len(common))
        if kind(a) != kind(b):
            yield f"{show(path)}: is a {kind(b)} instead of a {kind(a)}"
            continue
        if not stat.S_ISLNK(a.st_mode) and stat.S_IMODE(a.st_mode) != stat.S_IMODE(b.st_mode):
            yield f"{show(path)}: mode {stat.S_IMODE(b.st_mode):o} instead of {stat.S_IMODE(a.st_mode):o}"
        if owner and (a.st_uid, a.st_gid) != (b.st_uid, b.st_gid):
            yield f"{show(path)}: owner {b.st_uid}:{b.st_gid} instead of {a.st_uid}:{a.st_gid}"
        if times and a.st_mtime_ns != b.st_mtime_ns:
            yield f"{show(path)}: modified at {b.st_mtime_ns} ns instead of {a.st_mtime_ns} ns"
        if links and wanted_links.get(path) != found_links.get(path):
            yield f"{show(path)}: hard links differ"
        left, right = os.path.join(expected, path), os.path.join(actual, path)
        try:
            if stat.S_ISLNK(a.st_mode):
                if os.readlink(left) != os.readlink(right):
                    yield f"{show(path)}: points to {show(os.readlink(right))} instead of {show(os.readlink(left))}"
            elif stat.S_ISREG(a.st_mode):
                if a.st_size != b.st_size:
                    yield f"{show(path)}: size {b.st_size} instead of {a.st_size} bytes"
                offset = first_difference(left, right, statistics)
                if offset is not None:
                    yield f"{show(path)}: contents differ at byte {offset}"
        except OSError as error:
            yield f"{show(path)}: {error.strerror}"
    if progress:
        progress(len(common), len(common))


def main():
    parser = argparse.ArgumentParser(description="Compare two directory trees byte for byte.")
    parser.add_argument("expected")
    parser.add_argument("actual")
    parser.add_argument("--no-times", action="store_true", help="ignore modification times")
    parser.add_argument("--no-owner", action="store_true", help="ignore owner and group")
    parser.add_argument("--no-links", action="store_true", help="ignore which names are hard links of each other")
    parser.add_argument("--progress", action="store_true", help="show a counter on stderr")
    arguments = parser.parse_args()

    def progress(done, total):
        print(f"\r    compared {done} of {total} entries", end="" if done < total else "\n", file=sys.stderr)

    statistics = Statistics()
    count = 0
    try:
        for difference in differences(arguments.expected, arguments.actual, times=not arguments.no_times,
                                      owner=not arguments.no_owner, links=not arguments.no_links,
                                      statistics=statistics, progress=progress if arguments.progress else None):
            print(difference)
            count += 1
    except OSError as error:
        print(f"compare_trees: {error}", file=sys.stderr)
        return 2
    print(f"{statistics.entries} entries, {statistics.bytes} bytes compared, {count} differences")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
