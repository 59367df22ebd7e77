#!/usr/bin/env python3
"""Measures filesystems side by side through their mounts, in about twenty workloads.

    benchmarks/compare.py [--rounds 3] [--sizes normal] [--filesystems native,demofs,…] [--json FILE] [--chart FILE]
    benchmarks/compare.py --report FILE [--chart FILE]      # tables and chart of figures that were saved before

Compared are a plain directory, libfuse's passthrough_ll, demofs, and the encrypted filesystems of Debian: gocryptfs, securefs, cryfs
and encfs (scripts/install_deps --all). The vaults lie beside each other in one folder (TMPDIR, else /var/tmp), which is taken away
at the end, also after an error or an interruption. Dropping the system's caches needs root; without it, what is called cold is
only a fresh mount. On a machine that does something else meanwhile, only the ratios mean something.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCHMARKS.parent / "scripts" / "lib"))

import mounts  # noqa: E402
from comparison import chart, filesystems, fio, machine, material, report, rounds, workloads  # noqa: E402


def arguments_of(command_line):
    parser = argparse.ArgumentParser(description="Measure filesystems side by side through their mounts.")
    parser.add_argument("--demofs", default="build/release/demofs/app/demofs", help="the program to measure")
    parser.add_argument("--passthrough", help="libfuse's passthrough_ll, if it is not to be built from libfuse3-dev's example")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", choices=workloads.SIZES, default="normal", help="'small' is a quick look, not for quoting")
    parser.add_argument("--filesystems", default=",".join(filesystems.ALL), help="which, separated by commas")
    parser.add_argument("--scenarios", default=",".join(workloads.SCENARIOS), help="which, separated by commas")
    parser.add_argument("--json", type=Path, help="also save every single figure to this file")
    parser.add_argument("--chart", type=Path, help="also draw the ratios into this SVG file")
    parser.add_argument("--report", type=Path, help="measure nothing: show what --json saved in this file")
    arguments = parser.parse_args(command_line)
    if arguments.rounds < 1:
        parser.error("there must be at least one round")
    for name in arguments.filesystems.split(","):
        if name not in filesystems.ALL:
            parser.error(f"unknown filesystem '{name}'; there are {', '.join(filesystems.ALL)}")
    for name in arguments.scenarios.split(","):
        if name not in workloads.SCENARIOS:
            parser.error(f"unknown scenario '{name}'; there are {', '.join(workloads.SCENARIOS)}")
    return arguments


def tell(text, lasting=False):
    """Progress on one line of a terminal; a lasting message on a line of its own."""
    print(f"\r\033[K{text}" if sys.stderr.isatty() else text, end="\n" if lasting or not sys.stderr.isatty() else "",
          file=sys.stderr, flush=True)


def made(names, arguments, work):
    """The filesystems that can be used here, in an order that does not depend on the command line; says which cannot."""
    found = []
    for name, kind in filesystems.ALL.items():
        if name not in names:
            continue
        if name == "passthrough":
            try:
                program = arguments.passthrough or filesystems.build_passthrough(work / "build")
            except filesystems.FilesystemError as error:
                tell(f"Left out: {error}", lasting=True)
                continue
            kind.program = os.path.abspath(program)
        elif name == "demofs":
            kind.program = os.path.abspath(arguments.demofs)
        if name != "native" and not kind.available():
            if name == "demofs":
                raise filesystems.FilesystemError(f"there is no program {kind.program}: build it, or say where it is with --demofs")
            tell(f"Left out: {name} is not installed (scripts/install_deps --all)", lasting=True)
            continue
        found.append(kind(work / name))
    if not fio.available():
        tell("Left out: small reads and writes in a large file, because fio is not installed (scripts/install_deps --all)",
             lasting=True)
    return found


def remove_folder(work):
    """Takes everything below away unless something is still mounted there."""
    for mount in mounts.mounts_under(work):
        mounts.detach(mount.point)
    if mounts.mounts_under(work):
        tell(f"compare: something is still mounted below {work}; nothing there was removed", lasting=True)
    else:
        shutil.rmtree(work)


def measure(arguments):
    """Runs everything; returns what --json saves."""
    work = Path(tempfile.mkdtemp(prefix="demofs-compare-", dir=os.environ.get("TMPDIR", "/var/tmp"))).resolve()
    compared = []
    try:
        described = machine.description(work)
        compared = made(arguments.filesystems.split(","), arguments, work)
        sizes = workloads.SIZES[arguments.sizes]
        tell("making the material")
        things = material.Material(work / "material", sizes.tree_files)
        for filesystem in compared:
            filesystem.prepare()
        all_rounds = rounds.Rounds(compared, sizes, things, tell)
        all_rounds.run(arguments.rounds, arguments.scenarios.split(","))
        kinds = {filesystem.name: {"encrypted": filesystem.encrypted, "syncs": filesystem.syncs, "options": filesystem.options()}
                 for filesystem in compared}
        return {"machine": described, "rounds": arguments.rounds, "sizes": arguments.sizes, "cold": all_rounds.cold,
                "filesystems": kinds, "figures": all_rounds.results}
    finally:
        for filesystem in compared:
            filesystem.abandon()
        remove_folder(work)


def main():
    arguments = arguments_of(sys.argv[1:])

    def interrupted(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    try:
        if arguments.report:
            record = json.loads(arguments.report.read_text(encoding="utf-8"))
        else:
            record = measure(arguments)
            tell("", lasting=sys.stderr.isatty())
        print(report.text(record))
        if arguments.json:
            arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        if arguments.chart:
            arguments.chart.write_text(chart.svg(record), encoding="utf-8")
        return 0
    except KeyboardInterrupt:
        print("\nInterrupted", file=sys.stderr)
        return 130
    except rounds.FAILURES as error:
        print(f"\ncompare: {error} {getattr(error, 'stderr', None) or ''}".rstrip(), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
