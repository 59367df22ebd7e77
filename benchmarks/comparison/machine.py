"""The machine that is measured on: its caches, its memory, its description."""

import mmap
import os
import platform
from pathlib import Path


def drop_caches():
    """Writes everything back and empties the caches of pages, names and inodes; False if this user may not."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
        return True
    except OSError:
        return False


def back_free_memory(size_mib):
    """Touches and frees this much memory, or half of what is free if that is less.

    The host of a virtual machine takes free memory back; then the first use of each page costs a fault in the host, several
    times what any filesystem costs, and whoever comes first after a pause pays it. After this the page cache grows into
    memory that is there.
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
    with mmap.mmap(-1, min(size_mib << 20, free // 2), flags=flags):
        pass


def filesystem_type(path):
    """The type of the filesystem that holds a path, from /proc/self/mountinfo."""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields = line.split()
            if fields[2] == wanted:
                return fields[fields.index("-") + 1]
    return "unknown"


def description(path):
    """What a reader of the figures has to know; `path` is where the vaults lie."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "memory_gib": round(memory / (1 << 30)),
        "disk": filesystem_type(path),
        "load": os.getloadavg()[0],
    }
