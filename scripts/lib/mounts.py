"""Finding and removing mounts without touching what is mounted: a dead or hanging filesystem must not block us.

Everything is read from /proc/self/mountinfo; no function here calls stat on a mount point.
"""

import os
import re
import subprocess
from collections import namedtuple

Mount = namedtuple("Mount", "device point type source")


def mounts():
    """All mounts of this namespace, in the order in which they were made."""
    def unescaped(text):
        return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)

    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields = line.split()
            after = fields.index("-")
            found.append(Mount(fields[2], unescaped(fields[4]), fields[after + 1], unescaped(fields[after + 2])))
    return found


def mount_at(path):
    """The topmost mount exactly at an absolute path, or None."""
    path = os.path.abspath(path)
    return next((mount for mount in reversed(mounts()) if mount.point == path), None)


def mounts_under(path):
    """The mounts at or below an absolute path, the last made first."""
    path = os.path.abspath(path)
    return [mount for mount in reversed(mounts()) if mount.point == path or mount.point.startswith(path + "/")]


def fuse_connection(mount):
    """The number of a FUSE mount's connection: its folder in /sys/fs/fuse/connections."""
    major, minor = mount.device.split(":")
    return (int(major) << 20) | int(minor)


def detach(path):
    """Takes the topmost mount at a path away at once, even a dead or busy one; returns whether that worked."""
    commands = [["fusermount3", "-u", "-z", "--", path]]
    if os.geteuid() == 0:
        commands.insert(0, ["umount", "--lazy", "--", path])
    for command in commands:
        try:
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return True
    return False
