#!/usr/bin/env python3
"""Checks the labels of all tests of a build: each test has exactly one kind and at least one product.

    labels_test.py CTEST BUILD_FOLDER

A label that is forgotten makes `ctest -L unit` skip tests without a word; this one says which.
"""

import collections
import json
import subprocess
import sys

KINDS = {"unit", "conformance", "crash", "mount", "compat", "fuzz", "compile_fail", "examples", "packaging", "scripts", "tidy", "benchmark"}
PRODUCTS = {"asyncdrop", "demofs"}


def labels_of(test):
    for entry in test.get("properties", []):
        if entry["name"] == "LABELS":
            return set(entry["value"])
    return set()


def problems(tests):
    for name, labels in tests:
        if len(labels & KINDS) != 1:
            yield f"{name}: has {sorted(labels & KINDS)} for its kind, and must have one of {sorted(KINDS)}"
        if not labels & PRODUCTS:
            yield f"{name}: names no product ({' or '.join(sorted(PRODUCTS))})"
        for unknown in sorted(labels - KINDS - PRODUCTS):
            yield f"{name}: the label '{unknown}' is neither a kind nor a product"


def self_test():
    """Each rule can fail."""
    good = [("a", {"unit", "demofs"}), ("b", {"scripts", "asyncdrop", "demofs"})]
    assert not list(problems(good)), "a good test is refused"
    for bad in (set(), {"unit"}, {"demofs"}, {"unit", "mount", "demofs"}, {"unit", "demofs", "slow"}):
        assert list(problems([("bad", bad)])), f"the labels {bad} pass"


def main(ctest, folder):
    self_test()
    listing = subprocess.run([ctest, "--test-dir", folder, "--show-only=json-v1"], check=True, capture_output=True, text=True)
    tests = [(test["name"], labels_of(test)) for test in json.loads(listing.stdout)["tests"]]
    found = list(problems(tests))
    for problem in found:
        print(problem, file=sys.stderr)
    count = collections.Counter(label for _, labels in tests for label in labels)
    print(f"{len(tests)} tests:", ", ".join(f"{number} {label}" for label, number in sorted(count.items())))
    return 1 if found or not tests else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
