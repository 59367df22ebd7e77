"""What a mounted folder holds, as a list that can be kept and compared."""

import hashlib
import os
import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "mount"))
from mount_fixture import MountTest, Vault  # noqa: E402, F401

PIECE = 1 << 20


def digest_of(path, size):
    """SHA-256 of the data with its places; holes are passed over, as a file of a tebibyte has many."""
    digest = hashlib.sha256(str(size).encode())
    with open(path, "rb", buffering=0) as file:
        for offset, piece in data_of(file, size):
            for at in range(0, len(piece), 4096):
                page = piece[at:at + 4096]
                if page.strip(b"\0"):
                    digest.update(f"{offset + at}:".encode() + page)
    return digest.hexdigest()


def data_of(file, size):
    """The pieces of a file, in 1 MiB steps; of a huge one, the first, the last, and those around each GiB."""
    places = range(0, size, PIECE)
    if size > 64 * PIECE:
        places = sorted({0, (size - 1) // PIECE * PIECE, *range(5 << 30, min(size, (5 << 30) + 1), PIECE),
                         *([1 << 40] if size > 1 << 40 else [])})
    for offset in places:
        file.seek(offset)
        yield offset, file.read(PIECE)


def of(root):
    """By path: type and mode, owner, links, size, modification time, and the content's digest or the target."""
    found = {}
    for folder, directories, files in os.walk(root):
        for name in directories + files:
            path = Path(folder, name)
            status = os.lstat(path)
            entry = {"mode": oct(status.st_mode), "owner": [status.st_uid, status.st_gid], "links": status.st_nlink,
                     "modified_ns": status.st_mtime_ns}
            if stat.S_ISREG(status.st_mode):
                entry["size"] = status.st_size
                entry["sha256"] = digest_of(path, status.st_size)
            elif stat.S_ISLNK(status.st_mode):
                entry["target"] = os.readlink(path)
            elif stat.S_ISCHR(status.st_mode):
                entry["device"] = [os.major(status.st_rdev), os.minor(status.st_rdev)]
            found[str(path.relative_to(root))] = entry
    return found
