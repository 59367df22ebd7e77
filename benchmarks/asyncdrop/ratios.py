#!/usr/bin/env python3
"""Runs asyncdrop_bench and prints what the library costs beside code written by hand, as a Markdown table.

    python3 benchmarks/asyncdrop/ratios.py build/release/benchmarks/asyncdrop_bench
    python3 benchmarks/asyncdrop/ratios.py … --processes 9 --filter guard
    python3 benchmarks/asyncdrop/ratios.py --json saved/*.json        # of an earlier run

Every case is measured several times in one process, in random order, so that a slow moment of the machine
meets both sides. A process compares the medians of CPU time; of several processes, which find their memory at
different places, the table shows the medians. --check exits with 1 if a ratio is above its target.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SIDES = ("asyncdrop", "by_hand")


def run(program: Path, rounds: int, seconds: float, name_filter: str, save: Path) -> None:
    command = [str(program), f"--benchmark_repetitions={rounds}", "--benchmark_enable_random_interleaving=true",
               f"--benchmark_min_time={seconds}", f"--benchmark_filter=^[^/]*({name_filter})[^/]*/",
               f"--benchmark_out={save}", "--benchmark_out_format=json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Case:
    """A case and its twin in one or several processes."""

    def __init__(self) -> None:
        self.processes: list[dict[str, list[float]]] = []  # times in ns of each side
        self.target = 0.0

    def median_ns(self, side: str) -> float:
        return statistics.median(statistics.median(times[side]) for times in self.processes)

    def ratio(self) -> float:
        return statistics.median(statistics.median(times["asyncdrop"]) / statistics.median(times["by_hand"])
                                 for times in self.processes)

    def met(self) -> bool:
        return self.target == 0 or self.ratio() <= self.target


def read_process(path: Path, cases: dict[str, Case]) -> None:
    """Adds the pairs of a JSON report, in the order of the program."""
    report = json.loads(path.read_text())
    entries = [entry for entry in report["benchmarks"] if entry["run_type"] == "iteration"]
    entries.sort(key=lambda entry: entry["family_index"])
    process: dict[str, dict[str, list[float]]] = {}
    for entry in entries:
        name, _, side = entry["run_name"].rpartition("/")
        if side not in SIDES:
            sys.exit(f"{path}: '{entry['run_name']}' is neither …/asyncdrop nor …/by_hand")
        scale = {"ns": 1, "us": 1e3, "ms": 1e6}[entry["time_unit"]]
        process.setdefault(name, {side: [] for side in SIDES})[side].append(entry["cpu_time"] * scale)
        case = cases.setdefault(name, Case())
        case.target = max(case.target, entry.get("target", 0.0))
    for name, times in process.items():
        if not all(times.values()):
            sys.exit(f"{path}: case '{name}' lacks its twin")
        cases[name].processes.append(times)


def show_ns(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def print_table(cases: dict[str, Case]) -> None:
    print("| case | library, ns | by hand, ns | ratio | target |")
    print("|---|---|---|---|---|")
    for name, case in cases.items():
        target = "" if case.target == 0 else f"≤ {case.target:g}x" + ("" if case.met() else ", missed")
        print(f"| {name} | {show_ns(case.median_ns('asyncdrop'))} | {show_ns(case.median_ns('by_hand'))} "
              f"| {case.ratio():.2f}x | {target} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, nargs="?", help="asyncdrop_bench of a Release build")
    parser.add_argument("--json", type=Path, nargs="+", help="read these reports instead of running the program")
    parser.add_argument("--save", type=Path, help="keep the reports as 0.json, 1.json, … in this folder")
    parser.add_argument("--processes", type=int, default=5, help="how often the program runs (5)")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each side in a process (9)")
    parser.add_argument("--seconds", type=float, default=0.03, help="length of one measurement (0.03)")
    parser.add_argument("--filter", default=".", help="regular expression for the names of the cases")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    arguments = parser.parse_args()
    if (arguments.program is None) == (arguments.json is None):
        parser.error("name either the program or a report")
    re.compile(arguments.filter)

    cases: dict[str, Case] = {}
    if arguments.json:
        for path in arguments.json:
            read_process(path, cases)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            folder = arguments.save or Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            for process in range(arguments.processes):
                path = folder / f"{process}.json"
                run(arguments.program, arguments.rounds, arguments.seconds, arguments.filter, path)
                read_process(path, cases)
    print_table(cases)
    return 1 if arguments.check and not all(case.met() for case in cases.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
