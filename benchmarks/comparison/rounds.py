"""Runs every scenario on every filesystem, round after round.

The filesystems take turns in each scenario, so that a slow minute of the machine hits all alike, and each round begins with another
one, so that none is always the first.
"""

import sqlite3
import subprocess

from . import machine, workloads
from .filesystems import FilesystemError
from .fio import FioError

FAILURES = (FilesystemError, FioError, OSError, sqlite3.Error, subprocess.SubprocessError)


def rotated(things, by):
    by %= len(things)
    return things[by:] + things[:by]


class Rounds:
    """`results` holds all figures: workload -> filesystem -> one figure a round."""

    def __init__(self, filesystems, sizes, things, tell):
        self.filesystems, self.sizes, self.material, self.tell = filesystems, sizes, things, tell
        self.results = {}
        self.cold = True
        self.failed = set()  # (filesystem, scenario): not tried again

    def run(self, count, scenarios):
        """`scenarios` are names from workloads.SCENARIOS."""
        for number in range(count):
            for scenario in (workloads.SCENARIOS[name] for name in workloads.SCENARIOS if name in scenarios):
                for filesystem in rotated(self.filesystems, number):
                    if (filesystem.name, scenario.__name__) not in self.failed:
                        self.tell(f"round {number + 1} of {count}: {scenario.__name__} on {filesystem.name}")
                        self.run_one(filesystem, scenario)

    def run_one(self, filesystem, scenario):
        # The file is in the page cache up to three times: plain, in the daemon's writes, and encrypted.
        machine.back_free_memory(4 * self.sizes.large_file_mib)
        run = workloads.Run(filesystem, self.sizes, self.material)
        try:
            run.perform(scenario)
        except FAILURES as error:
            filesystem.abandon()
            if filesystem.name == "demofs":
                raise
            # A peer that cannot do something is left out of it: that is a result, too.
            self.failed.add((filesystem.name, scenario.__name__))
            details = getattr(error, "stderr", None) or ""
            self.tell(f"{filesystem.name} failed in {scenario.__name__}: {error} {details}".rstrip(), lasting=True)
        self.cold = self.cold and run.cold
        for workload, value in run.figures.items():
            self.results.setdefault(workload, {}).setdefault(filesystem.name, []).append(value)
