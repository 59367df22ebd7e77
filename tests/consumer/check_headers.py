#!/usr/bin/env python3
"""Checks of the installed public headers of the library (include/asyncdrop and its folder testing, without detail/).

    check_headers.py INCLUDE --used-by FOLDER --first-in FOLDER

Each header is included by some source file below the first folder, which uses no other, and is the first include of
some source file below the second: what compiles there compiles with this header alone in front, and needs no other.
"""

import argparse
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r"^#include <(asyncdrop/[^>]+)>|^#include", re.MULTILINE)


def check_used(project, headers):
    included = set()
    for source in [*project.rglob("*.cpp"), *project.rglob("*.hpp")]:
        included |= {match[1] for match in INCLUDE.finditer(source.read_text(encoding="utf-8")) if match[1]}
    return [f"{header} is not included by {project.name}" for header in headers if header not in included] + [
        f"{project.name} includes {header}, which is not public" for header in sorted(included - set(headers))]


def check_first(tests, headers):
    first = {match[1] for source in tests.rglob("*.cpp") if (match := INCLUDE.search(source.read_text(encoding="utf-8")))}
    return [f"{header} is the first include of no source file in {tests.name}" for header in headers if header not in first]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("include", type=Path)
    parser.add_argument("--used-by", type=Path, required=True)
    parser.add_argument("--first-in", type=Path, required=True)
    arguments = parser.parse_args()
    public = [*arguments.include.glob("asyncdrop/*.hpp"), *arguments.include.glob("asyncdrop/testing/*.hpp")]
    headers = sorted(path.relative_to(arguments.include).as_posix() for path in public)
    if len(headers) < 20:
        sys.exit(f"only {len(headers)} headers in {arguments.include}")
    problems = check_used(arguments.used_by, headers) + check_first(arguments.first_in, headers)
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(headers)} headers are fine")


if __name__ == "__main__":
    main()
