#!/usr/bin/env python3
"""Prints the end of what each failed test of a ctest run has said.

    failed_tests.py RESULTS.xml     (from ctest --output-junit)
"""

import argparse
import sys
import xml.etree.ElementTree as ElementTree

LINES = 60


def failures(file):
    """Name and output of each test that failed or could not be run."""
    for case in ElementTree.parse(file).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            yield case.get("name"), case.findtext("system-out") or ""


def main():
    parser = argparse.ArgumentParser(description="Print the end of what each failed test has said.")
    parser.add_argument("results", help="a file that ctest --output-junit has written")
    try:
        for name, output in failures(parser.parse_args().results):
            lines = output.rstrip().splitlines()
            left_out = f" (the last {LINES} of {len(lines)} lines)" if len(lines) > LINES else ""
            print(f"\n==> {name} failed{left_out}", *lines[-LINES:], sep="\n", flush=True)
    except (OSError, ElementTree.ParseError) as error:
        print(f"failed_tests: what the failed tests have said cannot be shown: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
