#!/usr/bin/env python3
"""Checks of the installed public headers of the library (include/asyncdrop/*.hpp, without detail/).

    check_headers.py INCLUDE COMPILER         each compiles as the only include, and twice, without warnings
    check_headers.py INCLUDE --used-by DIR    each is included by some source file below DIR
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Syntax only: a third of the time of a compilation; templates that need no arguments are checked all the same.
FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wnon-virtual-dtor", "-Werror",
         "-DBOOST_ASIO_SEPARATE_COMPILATION", "-x", "c++", "-"]


def compile_alone(compiler, include, header):
    """The compiler's complaint about a file that includes the header twice, or an empty text."""
    text = f"#include <{header}>\n" * 2 + "int main() {}\n"
    done = subprocess.run([compiler, f"-I{include}", *FLAGS], input=text, capture_output=True, text=True, timeout=240)
    return "" if done.returncode == 0 else f"{header}: {done.stderr.strip() or 'the compiler failed'}"


def check_alone(compiler, include, headers):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [problem for problem in pool.map(lambda header: compile_alone(compiler, include, header), headers) if problem]


def check_used(project, headers):
    included = set()
    for source in [*project.rglob("*.cpp"), *project.rglob("*.hpp")]:
        included |= set(re.findall(r"^#include <(asyncdrop/[^>]+)>", source.read_text(encoding="utf-8"), re.MULTILINE))
    return [f"{header} is not included by {project.name}" for header in headers if header not in included] + [
        f"{project.name} includes {header}, which is not public" for header in sorted(included - set(headers))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("include", type=Path)
    parser.add_argument("compiler", nargs="?")
    parser.add_argument("--used-by", type=Path)
    arguments = parser.parse_args()
    headers = sorted(f"asyncdrop/{path.name}" for path in (arguments.include / "asyncdrop").glob("*.hpp"))
    if len(headers) < 20:
        sys.exit(f"only {len(headers)} headers in {arguments.include}")
    if arguments.used_by:
        problems = check_used(arguments.used_by, headers)
    else:
        problems = check_alone(arguments.compiler, arguments.include, headers)
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(headers)} headers are fine")


if __name__ == "__main__":
    main()
