#!/usr/bin/env python3
"""Runs the clang-tidy plugin over files and compares what it finds with what the files say it must find.

    tidy_test.py --plugin FILE [--build FOLDER | --flag FLAG...] [--throwing VALUE] [--messages PATH] [--findings FILE]
                 [--apart] SOURCE...

A comment `// expect: CHECK` says that CHECK reports this line; `// expect awaits: CHECK` and `// expect all: CHECK` say
so for these values of the option ThrowingCalls (and for `all` where `awaits` is expected). Everything that is reported
elsewhere is a false positive; both kinds of difference fail the test. Comments count in the source itself only, not in
headers that it includes.

The sources are read as one translation unit, because reading Asio's headers takes most of the time.

--build     the folder of a compile_commands.json that knows the sources; else they are read with the FLAGs
--apart     reads each source by itself: they define the same names
--findings  a file that says the same for sources that are not to be commented: lines `FILE SNIPPET CHECK`, one for each
            finding between `// [snippet: SNIPPET]` and `// [end]`
--messages  also compares the full messages in the snippets of each source that has a recorded file NAME.out in this
            folder (or this recorded file of a single source), which the documentation quotes; with --record it is
            written instead
"""

import argparse
import collections
import difflib
import json
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
EXPECTED = re.compile(r"// expect(?: (awaits|all))?: (asyncdrop-[a-z-]+)")
FOUND = re.compile(r"^(/[^:]+):(\d+):(\d+): (warning|error|note): (.*?)(?: \[([\w.,-]+)\])?$")
SNIPPET = re.compile(r"^\s*// \[snippet: (\w+)\]$")


def flags_of(build, sources):
    """What the sources are compiled with, each flag once, and where."""
    commands = {Path(entry["directory"], entry["file"]).resolve(): entry
                for entry in json.loads((build / "compile_commands.json").read_text())}
    flags = {}
    for source in sources:
        if source not in commands:
            sys.exit(f"{build}/compile_commands.json does not know {source}")
        words = iter(shlex.split(commands[source]["command"])[1:])
        for word in words:
            if word in ("-o", "-MF", "-MT", "-MQ"):
                next(words)
            elif word == "-isystem":
                flags[f"-isystem{next(words)}"] = None
            elif word not in ("-c", "-MD", "-MMD") and not word.endswith((".cpp", "/c++", "g++")):
                flags[word] = None
    return list(flags), commands[sources[0]]["directory"]


def run(arguments, sources):
    """What clang-tidy prints about the sources, read as one."""
    flags, folder = flags_of(arguments.build, sources) if arguments.build else (arguments.flag, None)
    headers = "|".join(re.escape(str(source)) for source in sources)
    with tempfile.TemporaryDirectory() as scratch:
        together = Path(scratch) / "together.cpp"
        together.write_text("".join(f'#include "{source}"\n' for source in sources))
        command = [arguments.clang_tidy, f"--load={arguments.plugin}", "--checks=-*,asyncdrop-*", "--quiet",
                   f"--header-filter=^({headers})$",
                   "--config={CheckOptions: {asyncdrop-forgotten-drop.ThrowingCalls: %s}}" % arguments.throwing.capitalize(),
                   str(together), "--", *flags, "-Wno-unknown-warning-option", "-Wno-unused-command-line-argument"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, cwd=folder)
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


def findings(output, sources):
    """What was reported of each source: {source: {(line, check): messages, the first with its notes}}."""
    found, current = {source: {} for source in sources}, None
    for line in output.splitlines():
        match = FOUND.match(line)
        if not match:
            continue
        path, number, kind, text = Path(match[1]).resolve(), int(match[2]), match[4], match[5]
        if kind == "note":
            if current is not None:
                current.append((number, kind, text))
            continue
        if path not in found:
            sys.exit(f"a finding in a header, which --header-filter hides: {line}")
        current = found[path].setdefault((number, match[6]), [])
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


def check_listed(arguments, source, findings_of_it):
    found = as_listed(findings_of_it, source)
    name = source.relative_to(ROOT).as_posix()
    expected = collections.Counter({entry: count for entry, count in listed(arguments.findings).items() if entry[0] == name})
    for entry in (expected - found).elements():
        print(f"not found: {' '.join(entry)}")
    for entry in (found - expected).elements():
        print(f"false positive, or not in {arguments.findings.name}: {' '.join(entry)}")
    print(f"{name}: {sum(expected.values())} mistakes on purpose, {sum((expected & found).values())} found, "
          f"{sum((found - expected).values())} false positives")
    return found == expected


def check_messages(arguments, source, found):
    recorded = arguments.messages
    if recorded.is_dir():
        recorded /= f"{source.stem}.out"
        if not recorded.exists():
            return True
    text = recorded_messages(found, source)
    if arguments.record:
        recorded.write_text(text)
        return True
    difference = list(difflib.unified_diff(recorded.read_text().splitlines(), text.splitlines(), str(recorded), "printed",
                                           lineterm=""))
    print("\n".join(difference), end="\n" if difference else "")
    return not difference


def check(arguments, source, found):
    if arguments.findings:
        return check_listed(arguments, source, found)
    expected = expectations(source, arguments.throwing)
    missed, unexpected = sorted(expected - set(found)), sorted(set(found) - expected)
    name = source.relative_to(ROOT)
    for number, wanted in missed:
        print(f"{name}:{number}: {wanted} does not find this mistake")
    for number, reported in unexpected:
        print(f"{name}:{number}: false positive of {reported}: {found[number, reported][0][2]}")
    print(f"{name}: {len(expected)} seeded mistakes, {len(expected) - len(missed)} found, {len(unexpected)} false positives")
    if missed or unexpected:
        return False
    return not arguments.messages or check_messages(arguments, source, found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clang-tidy", default="clang-tidy-19")
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--flag", action="append", default=[])
    parser.add_argument("--throwing", choices=["none", "awaits", "all"], default="none")
    parser.add_argument("--messages", type=Path)
    parser.add_argument("--findings", type=Path)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("sources", nargs="+", type=Path)
    arguments = parser.parse_args()
    sources = [source.resolve() for source in arguments.sources]
    found = {}
    for together in [[source] for source in sources] if arguments.apart else [sources]:
        found |= findings(run(arguments, together), together)
    results = [check(arguments, source, found[source]) for source in sources]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
