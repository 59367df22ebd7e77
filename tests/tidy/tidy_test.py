#!/usr/bin/env python3
"""Runs the clang-tidy plugin over files and compares what it finds with what the files say it must find.

    tidy_test.py --plugin FILE [--build FOLDER | --flag FLAG...] [--throwing VALUE] [--messages FILE] [--findings FILE]
                 SOURCE...

A comment `// expect: CHECK` says that CHECK reports this line; `// expect awaits: CHECK` and `// expect all: CHECK` say
so for these values of the option ThrowingCalls (and for `all` where `awaits` is expected). Everything that is reported
elsewhere is a false positive; both kinds of difference fail the test. Comments count in the source itself only, not in
headers that it includes.

--build     the folder of a compile_commands.json that knows the sources; else they are read with the FLAGs
--findings  a file that says the same for sources that are not to be commented: lines `FILE SNIPPET CHECK`, one for each
            finding between `// [snippet: SNIPPET]` and `// [end]`
--messages  also compares the full messages in the snippets of the source with this recorded file, which the
            documentation quotes; with --record it is written instead
"""

import argparse
import collections
import difflib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
EXPECTED = re.compile(r"// expect(?: (awaits|all))?: (asyncdrop-[a-z-]+)")
FOUND = re.compile(r"^(/[^:]+):(\d+):(\d+): (warning|error|note): (.*?)(?: \[([\w.,-]+)\])?$")
SNIPPET = re.compile(r"^\s*// \[snippet: (\w+)\]$")


def run(arguments, source):
    command = [arguments.clang_tidy, f"--load={arguments.plugin}", "--checks=-*,asyncdrop-*", "--quiet",
               "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-unused-command-line-argument", "--header-filter=^$",
               "--config={CheckOptions: {asyncdrop-forgotten-drop.ThrowingCalls: %s}}" % arguments.throwing.capitalize()]
    command += [f"-p={arguments.build}", str(source)] if arguments.build else [str(source), "--", *arguments.flag]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def expectations(source, throwing):
    """The pairs of line and check that the source says are to be found."""
    wanted = {"none": {None}, "awaits": {None, "awaits"}, "all": {None, "awaits", "all"}}[throwing]
    expected = set()
    for number, line in enumerate(source.read_text().splitlines(), 1):
        for match in EXPECTED.finditer(line):
            if match[1] in wanted:
                expected.add((number, match[2]))
    return expected


def listed(path):
    """The entries of a --findings file."""
    lines = [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    for entry in lines:
        if len(entry) != 3:
            sys.exit(f"{path}: not understood: {' '.join(entry)}")
    return collections.Counter((file, snippet, check) for file, snippet, check in lines)


def as_listed(found, source):
    """What was found as entries of a --findings file; outside of snippets the line stands for the name."""
    places = snippets(source).items()
    entries = []
    for number, check in found:
        name = next((name for name, (begin, end) in places if begin < number < end), str(number))
        entries.append((source.relative_to(ROOT).as_posix(), name, check))
    return collections.Counter(entries)


def findings(output, source):
    """What was reported: {(line, check): messages, the first with its notes}."""
    found, current = {}, None
    for line in output.splitlines():
        match = FOUND.match(line)
        if not match:
            continue
        path, number, kind, text = match[1], int(match[2]), match[4], match[5]
        if kind == "note":
            if current is not None:
                current.append((number, kind, text))
            continue
        if Path(path).resolve() != source.resolve():
            sys.exit(f"a finding in a header, which --header-filter hides: {line}")
        current = found.setdefault((number, match[6]), [])
        current.append((number, kind, text))
    return found


def snippets(source):
    """{name: (first line, last line)}"""
    regions, name, begin = {}, None, 0
    for number, line in enumerate(source.read_text().splitlines(), 1):
        if match := SNIPPET.match(line):
            name, begin = match[1], number
        elif line.strip() == "// [end]":
            regions[name] = (begin, number)
    return regions


def recorded_messages(found, source):
    """The messages of each snippet as the documentation shows them; lines are counted from the snippet's first."""
    sections = []
    for name, (begin, end) in snippets(source).items():
        lines = [f"== {name}"]
        for (number, check), messages in sorted(found.items()):
            if not begin < number < end:
                continue
            for at, kind, text in messages:
                suffix = f" [{check}]" if kind != "note" else ""
                lines.append(f"line {at - begin}: {kind}: {text}{suffix}")
        sections.append("\n".join(lines) + "\n")
    return "".join(sections)


def check_listed(arguments, source):
    found = as_listed(findings(run(arguments, source), source), source)
    name = source.relative_to(ROOT).as_posix()
    expected = collections.Counter({entry: count for entry, count in listed(arguments.findings).items() if entry[0] == name})
    for entry in (expected - found).elements():
        print(f"not found: {' '.join(entry)}")
    for entry in (found - expected).elements():
        print(f"false positive, or not in {arguments.findings.name}: {' '.join(entry)}")
    print(f"{name}: {sum(expected.values())} mistakes on purpose, {sum((expected & found).values())} found, "
          f"{sum((found - expected).values())} false positives")
    return found == expected


def check(arguments, source):
    if arguments.findings:
        return check_listed(arguments, source)
    found = findings(run(arguments, source), source)
    expected = expectations(source, arguments.throwing)
    missed, unexpected = sorted(expected - set(found)), sorted(set(found) - expected)
    name = source.relative_to(ROOT)
    for number, wanted in missed:
        print(f"{name}:{number}: {wanted} does not find this mistake")
    for number, reported in unexpected:
        print(f"{name}:{number}: false positive of {reported}: {found[number, reported][0][2]}")
    print(f"{name}: {len(expected)} seeded mistakes, {len(expected) - len(missed)} found, {len(unexpected)} false positives")
    good = not missed and not unexpected
    if arguments.messages and good:
        text = recorded_messages(found, source)
        if arguments.record:
            arguments.messages.write_text(text)
        elif arguments.messages.read_text() != text:
            print("\n".join(difflib.unified_diff(arguments.messages.read_text().splitlines(), text.splitlines(),
                                                 str(arguments.messages), "printed", lineterm="")))
            good = False
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clang-tidy", default="clang-tidy-19")
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--build")
    parser.add_argument("--flag", action="append", default=[])
    parser.add_argument("--throwing", choices=["none", "awaits", "all"], default="none")
    parser.add_argument("--messages", type=Path)
    parser.add_argument("--findings", type=Path)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("sources", nargs="+", type=Path)
    arguments = parser.parse_args()
    results = [check(arguments, source.resolve()) for source in arguments.sources]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
