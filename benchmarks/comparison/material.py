"""What the workloads on whole trees use: a tree of files like a program's sources, as an archive and as a git repository.

Made anew for each comparison from a fixed seed, so that every filesystem gets the same bytes in every run.
"""

import os
import random
import subprocess
import tarfile
import time

WORDS = [b"return", b"value", b"const", b"struct", b"buffer", b"offset", b"if", b"else", b"while", b"length", b"error"]


def file_content(places, size):
    """Text that compresses like source code."""
    lines = []
    written = 0
    while written < size:
        line = b" ".join(places.choices(WORDS, k=places.randint(2, 12))) + b" %d;\n" % places.randrange(1 << 20)
        lines.append(line)
        written += len(line)
    return b"".join(lines)[:size]


def make_tree(root, files):
    """Writes `files` files of 100 bytes to 60 KiB, most of them small, into folders of up to 40."""
    places = random.Random(7)
    for number in range(files):
        folder = root / f"part{number // 400}" / f"unit{number // 40 % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        size = int(min(60_000, 100 + places.expovariate(1 / 6000)))
        (folder / f"source{number:05d}.c").write_bytes(file_content(places, size))


class Material:
    """The tree's archive and repository below `folder`."""

    def __init__(self, folder, files):
        self.files = files
        self.archive, self.repository = folder / "tree.tar", folder / "repository"
        make_tree(self.repository, files)
        with tarfile.open(self.archive, "w") as archive:
            archive.add(self.repository, arcname="tree")
        git = ["git", "-C", str(self.repository), "-c", "user.name=compare", "-c", "user.email=compare@localhost"]
        for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "everything"]):
            subprocess.run([*git, *arguments], check=True, stdin=subprocess.DEVNULL, env=git_environment())


def git_environment():
    """No configuration of the user's."""
    return {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0"}


def run_timed(command, folder):
    """Runs a program and returns its seconds. Throws subprocess.CalledProcessError with its error output."""
    started = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True, cwd=folder, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", env=git_environment())
    return time.perf_counter() - started
