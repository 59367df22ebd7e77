#!/usr/bin/env python3
"""Each row of the table in docs/teardown.md leads to a line that has what the row says.

    teardown_doc_test.py [--renew]    --renew corrects the numbers of the lines
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/teardown.md"
LINK = re.compile(r"\[`([^`]+)`\]\(\.\./([^)#]+)#L(\d+)\)")


def line_of(text, path):
    lines = (ROOT / path).read_text().splitlines()
    return next((number for number, line in enumerate(lines, 1) if text in line), None)


def main():
    page = PAGE.read_text()
    if sys.argv[1:] == ["--renew"]:
        PAGE.write_text(LINK.sub(lambda link: f"[`{link[1]}`](../{link[2]}#L{line_of(link[1], link[2])})", page))
        return 0
    problems = []
    for text, path, line in LINK.findall(page):
        if line_of(text, path) != int(line):
            problems.append(f"{path}:{line}: `{text}` is in line {line_of(text, path)}")
    table = page.split("| pattern | where |\n|---|---|\n")[1].splitlines()
    problems += [f"no line is shown: {row}" for row in table if row and not LINK.search(row)]
    if len(table) < 20:
        problems.append("the table is not found")
    print(*problems, sep="\n")
    return 1 if problems else 0


sys.exit(main())
