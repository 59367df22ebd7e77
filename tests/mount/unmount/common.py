"""What the tests of unmounting share."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

DATA = os.urandom(2_000_000)
NOT_A_VAULT, INCOMPLETE, BUSY, NOT_MOUNTED, NOT_SAVED, TIMED_OUT = 11, 13, 22, 23, 31, 32  # exit codes


def abort(test, connection):
    """Cuts a FUSE connection through the control filesystem."""
    standard = Path("/sys/fs/fuse/connections")
    if (standard / str(connection) / "abort").exists():
        (standard / str(connection) / "abort").write_text("1")
        return
    if os.geteuid() != 0:
        test.skipTest("the fusectl filesystem is not mounted, and only root can mount it")
    folder = Path(tempfile.mkdtemp(dir=test.folder))
    subprocess.run(["mount", "-t", "fusectl", "none", folder], check=True)
    try:
        (folder / str(connection) / "abort").write_text("1")
    finally:
        subprocess.run(["umount", folder], check=True)


# Who uses whom. A new node belongs here, and into docs/architecture.md.
EDGES = {
    ("flushes on request", "session"), ("flushes on request", "filesystem"), ("session", "filesystem"), ("session", "kernel calls"), ("filesystem", "last commit"), ("filesystem", "tree"),
    ("filesystem", "object store"), ("last commit", "local state"), ("local state", "tree"), ("tree", "block cache"),
    ("block cache", "write pipeline"), ("write pipeline", "segment log"), ("write pipeline", "object store"), ("write pipeline", "worker pool"),
    ("segment log", "object store"), ("object store", "store input and output"), ("object store", "worker pool"),
    ("store input and output", "worker pool")}

# With a store that is made to misbehave between the object store and its users.
EDGES_WITH_FAULT = {(user, "store fault") if used == "object store" else (user, used) for user, used in EDGES} | {
    ("store fault", "object store")}


def milliseconds(text):
    number, unit = text.split()
    return float(number) * (1000 if unit == "s" else 1)


def read_report(text):
    """The nodes of a teardown report, by name (state, milliseconds, begun at), and its edges."""
    edges, users, nodes = set(), [], {}
    for line in text.splitlines()[1:]:
        name, depth = re.sub(r"^[│├└─ ]*", "", line), re.match(r"^[│├└─ ]*", line).end() // 3
        name, _, rest = name.replace(" (see above)", ":").partition(":")
        users[depth - 1:] = [name]
        if depth > 1:
            edges.add((users[depth - 2], name))
        if found := re.match(r" (\w+)[^,]* in ([0-9.]+ m?s), begun at ([0-9.]+ m?s)", rest):
            nodes[name] = (found[1], milliseconds(found[2]), milliseconds(found[3]))
    return nodes, edges


def expect_order(test, text, states=("dropped",), edges=frozenset(EDGES)):
    """Every node of the report was dropped, and before what it uses."""
    nodes, found = read_report(text)
    test.assertEqual(found, edges)
    # Tenths of a millisecond; of a second, what takes longer on a loaded machine.
    slow = any(max(took_ms, begun_ms) >= 1000 for _, took_ms, begun_ms in nodes.values())
    rounding_ms = 200 if slow else 0.2
    for user, used in edges:
        state, took_ms, begun_ms = nodes[user]
        test.assertIn(state, states, f"{user}: {text}")
        test.assertLessEqual(begun_ms + took_ms, nodes[used][2] + rounding_ms, f"{user}, then {used}: {text}")
