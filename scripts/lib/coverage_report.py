#!/usr/bin/env python3
"""Prints the line coverage of headers from lcov files, one for each program, for scripts/coverage.

    coverage_report.py PROGRAM.INFO… --folder FOLDER --minimum PERCENT [--lines]

Exits with 1 if the total is below the minimum.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

Counts = dict[int, int]  # line number: how often it ran


def read_counts(infos: list[Path]) -> dict[Path, Counts]:
    """A line ran as often as in the program that ran it most often."""
    files: dict[Path, Counts] = defaultdict(dict)
    current: Counts = {}
    for info in infos:
        for record in info.read_text().splitlines():
            kind, _, value = record.partition(":")
            if kind == "SF":
                current = files[Path(value).resolve()]
            elif kind == "DA":
                line, count = (int(part) for part in value.split(",")[:2])
                current[line] = max(current.get(line, 0), count)
    return files


def ranges(lines: list[int]) -> str:
    """[3, 4, 5, 9] as '3-5 9'."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][-1] + 1:
            parts[-1].append(line)
        else:
            parts.append([line])
    return " ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("infos", type=Path, nargs="+", help="lcov files")
    parser.add_argument("--folder", type=Path, required=True, help="where the headers are")
    parser.add_argument("--minimum", type=float, required=True, help="percent of all lines")
    parser.add_argument("--lines", action="store_true", help="print the lines that did not run")
    arguments = parser.parse_args()

    files = read_counts(arguments.infos)
    folder = arguments.folder.resolve()
    all_lines = all_run = 0
    print(f"{'header':45} {'lines':>6} {'run':>6}  percent")
    for header in sorted(folder.rglob("*.[hi]pp")):
        counts = files.get(header, {})
        run = sum(1 for count in counts.values() if count > 0)
        all_lines += len(counts)
        all_run += run
        percent = f"{100 * run / len(counts):7.1f}%" if counts else " no code"
        print(f"{str(header.relative_to(folder)):45} {len(counts):6} {run:6} {percent}")
        if arguments.lines and run < len(counts):
            source = header.read_text().splitlines()
            for line in sorted(line for line, count in counts.items() if count == 0):
                print(f"    {line:4}  {source[line - 1].strip()}")
        elif run < len(counts):
            print(f"    not run: {ranges(sorted(line for line, count in counts.items() if count == 0))}")
    if all_lines == 0:
        sys.exit(f"no program has a line of {arguments.folder}")

    percent = 100 * all_run / all_lines
    print(f"{'all':45} {all_lines:6} {all_run:6} {percent:7.1f}%")
    if percent < arguments.minimum:
        print(f"below the minimum of {arguments.minimum:g}%", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
