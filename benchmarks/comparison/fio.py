"""Runs fio, which measures small reads and writes in a file better than a loop in Python could."""

import json
import shutil
import subprocess


class FioError(Exception):
    """fio failed; the text is for the user."""


def available():
    return shutil.which("fio") is not None


def command(path, size_bytes, seconds, **options):
    """fio's command line for one kind of access to an existing file, at most so long."""
    settings = {"name": "compare", "filename": path, "size": size_bytes, "bs": "4k", "ioengine": "psync", "runtime": seconds,
                "allow_file_create": 0, "fallocate": "none", "randseed": 1, "group_reporting": 1, "thread": 1,
                "output-format": "json", **options}
    return ["fio", *(f"--{name}={value}" for name, value in settings.items())]


def run(path, size_bytes, seconds, **options):
    """Returns the figures of one run (see `figures`)."""
    done = subprocess.run(command(path, size_bytes, seconds, **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8", errors="replace", check=False)
    if done.returncode != 0:
        raise FioError(f"fio failed with code {done.returncode}: {done.stderr.strip()[-500:]}")
    return figures(done.stdout)


def figures(text):
    """Operations a second, and the 99th percentile of fsync in milliseconds (none without fsync).

    A write's time includes the fsync at the end (end_fsync), so what the kernel still holds is counted.
    """
    # Warnings may precede the report.
    job = json.loads(text[text.index("{"):])["jobs"][0]
    if job["error"]:
        raise FioError(f"fio met the error {job['error']}")
    total = job["read"]["total_ios"] + job["write"]["total_ios"]
    milliseconds = max(job["read"]["runtime"], job["write"]["runtime"])
    if total == 0 or milliseconds == 0:
        raise FioError("fio did nothing")
    sync = job.get("sync", {}).get("lat_ns", {}).get("percentile", {}).get("99.000000")
    return total * 1000 / milliseconds, None if sync is None else sync / 1e6
