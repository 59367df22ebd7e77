#!/usr/bin/env python3
"""Builds the Debian packages with cpack and checks what is in them, without installing anything or being root.

    debian_packages_test.py --build DIR --source DIR --staged DIR --version X.Y.Z --work DIR [--tidy]

--staged is where the component "library" has been installed. The unpacked packages stay in --work for the tests that
come after this one. The program `demofs` must have been built, and with --tidy the clang-tidy plugin, whose package is
checked as well.
"""

import argparse
import gzip
import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import unittest
from pathlib import Path

REVISION = "1"
arguments = None


def broken_links(root, path, text):
    """As scripts/snippets finds them in the repository."""
    loader = importlib.machinery.SourceFileLoader("snippets", str(arguments.source / "scripts/snippets"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("snippets", loader))
    loader.exec_module(module)
    return list(module.broken_links(root, path, text))


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


class Package:
    """One .deb and its unpacked content."""

    def __init__(self, name, architecture):
        self.name = name
        self.file = arguments.work / f"{name}_{arguments.version}-{REVISION}_{architecture}.deb"
        self.root = arguments.work / name
        run("dpkg-deb", "--extract", self.file, self.root)

    def field(self, name):
        return run("dpkg-deb", "--field", self.file, name).strip()

    def depends(self):
        return re.split(r",\s*", self.field("Depends"))

    def members(self):
        """The files (not the folders) by path, as tarfile sees them."""
        data = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(self.file)], capture_output=True, timeout=60, check=True)
        path = arguments.work / f"{self.name}.tar"
        path.write_bytes(data.stdout)
        with tarfile.open(path) as archive:
            members = archive.getmembers()
        return [member for member in members if not member.isdir()], [member for member in members if member.isdir()]


def paths_below(folder, pattern):
    return {str(path.relative_to(folder)) for path in folder.rglob(pattern)}


class PackageCase:
    """What holds for all packages."""

    documents = set()
    title = None  # of its README

    def test_its_documents_refer_to_nothing_that_is_not_there(self):
        folder = self.package.root / "usr/share/doc" / self.package.name
        pages = paths_below(folder, "*.md")
        self.assertIn("README.md", pages)
        for page in pages:
            self.assertEqual(broken_links(folder, page, (folder / page).read_text(encoding="utf-8")), [])
        self.assertEqual((folder / "README.md").read_text(encoding="utf-8").splitlines()[0], self.title)

    def test_files_belong_to_root_and_may_be_read_by_all(self):
        files, folders = self.package.members()
        for member in files + folders:
            self.assertEqual((member.uname, member.gname), ("root", "root"), member.name)
            if member.issym():
                continue  # has no mode of its own
            executable = member.isdir() or "/bin/" in member.name
            self.assertEqual(oct(member.mode), oct(0o755 if executable else 0o644), member.name)

    def test_the_version_and_the_maintainer_are_the_projects(self):
        self.assertEqual(self.package.field("Version"), f"{arguments.version}-{REVISION}")
        self.assertRegex(self.package.field("Maintainer"), r"^[^<>@]+ <[^<>@ ]+@[^<>@ ]+>$")
        self.assertEqual(self.package.field("Priority"), "optional")

    def test_the_description_has_a_summary_and_lines_that_fit(self):
        summary, *lines = self.package.field("Description").splitlines()
        self.assertLess(len(summary), 80)
        self.assertGreater(len(lines), 2)
        for line in lines:
            self.assertRegex(line, r"^ \S")
            self.assertLessEqual(len(line), 81)

    def test_the_licence_is_the_projects(self):
        text = (self.package.root / "usr/share/doc" / self.package.name / "copyright").read_text(encoding="utf-8")
        self.assertTrue(text.startswith("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"))
        licence = text.rpartition("License: BSL-1.0\n")[2].partition("\n\n")[0]
        for line in licence.splitlines():
            self.assertTrue(line.startswith(" "), line)
        plain = "\n".join("" if line == " ." else line[1:] for line in licence.splitlines())
        self.assertEqual(plain.strip(), (arguments.source / "LICENSE").read_text(encoding="utf-8").strip())

    def test_the_licence_of_the_words_of_recovery_keys_is_in_the_program_alone(self):
        text = (self.package.root / "usr/share/doc" / self.package.name / "copyright").read_text(encoding="utf-8")
        self.assertEqual(text.count("\n\nLicense: Expat\n"), 1 if self.package.name == "demofs" else 0)

    def test_the_changelogs_are_compressed_and_name_this_version(self):
        folder = self.package.root / "usr/share/doc" / self.package.name
        changes = gzip.decompress((folder / "changelog.gz").read_bytes()).decode()
        self.assertEqual(changes, (arguments.source / "CHANGELOG.md").read_text(encoding="utf-8"))
        debian = folder / "changelog.Debian.gz"
        parsed = subprocess.run(["dpkg-parsechangelog", "-l", "-"], input=gzip.decompress(debian.read_bytes()),
                                capture_output=True, timeout=60, check=True)
        self.assertEqual(parsed.stderr, b"")  # where it says what is wrong with the format
        self.assertIn(f"Source: {self.package.name}\nVersion: {arguments.version}-{REVISION}\n", parsed.stdout.decode())

    def check_files(self, expected):
        files, _ = self.package.members()
        folder = f"usr/share/doc/{self.package.name}"
        expected = set(expected) | {f"{folder}/{name}" for name in
                                    {"copyright", "changelog.gz", "changelog.Debian.gz", "README.md"} | self.documents}
        self.assertEqual({member.name.removeprefix("./") for member in files}, expected)
        for member in files:
            self.assertTrue(member.size > 0 or member.issym(), member.name)


class LibraryPackage(PackageCase, unittest.TestCase):
    title = "# libasyncdrop: cleanup that can wait, for Boost.Asio coroutines"

    @classmethod
    def setUpClass(cls):
        cls.package = Package("libasyncdrop-dev", "all")
        source = arguments.source
        cls.documents = {f"docs/asyncdrop/{name}" for name in paths_below(source / "docs/asyncdrop", "*.md")}
        for example in ("connection_pool", "shared_creation", "tcp_server", "teardown_test", "write_behind_cache"):
            cls.documents |= {f"examples/{example}/{name}" for name in paths_below(source / "examples" / example, "*")}

    def test_it_is_for_every_machine_and_depends_on_boost_only(self):
        self.assertEqual(self.package.field("Architecture"), "all")
        self.assertEqual(self.package.field("Section"), "libdevel")
        self.assertEqual(self.package.depends(), ["libboost1.81-dev | libboost-dev (>= 1.81)"])

    def test_it_holds_every_header_the_guide_and_the_examples(self):
        headers = {f"usr/include/{name}" for include in ("libasyncdrop/include", "libasyncdrop/testing/include")
                   for name in paths_below(arguments.source / include, "*.[hi]pp")}
        self.assertIn("usr/include/asyncdrop/testing/sync_drop.hpp", headers)
        self.assertIn("docs/asyncdrop/guide.md", self.documents)
        self.assertGreater(len(headers), 40)
        self.check_files(headers | {
            "usr/share/asyncdrop/gdb/asyncdrop-gdb.py",
            "usr/share/asyncdrop/src/asyncdrop.cpp",
            "usr/share/cmake/asyncdrop/asyncdropCompiled.cmake",
            "usr/share/cmake/asyncdrop/asyncdropConfig.cmake",
            "usr/share/cmake/asyncdrop/asyncdropConfigVersion.cmake",
            "usr/share/cmake/asyncdrop/asyncdropTargets.cmake",
            "usr/share/pkgconfig/asyncdrop.pc",
        })

    def test_it_is_what_the_other_tests_use(self):
        """So what they prove of the staged installation holds for the package."""
        same = ("include", "share/asyncdrop", "share/cmake", "share/pkgconfig", "share/doc/libasyncdrop-dev")
        differences = [run("diff", "--recursive", "--brief", self.package.root / "usr" / folder, arguments.staged / folder)
                       for folder in same]
        self.assertEqual("".join(differences), "")

    def test_no_file_names_the_machine_it_was_made_on(self):
        for path in self.package.root.rglob("*"):
            if path.is_file() and path.suffix != ".gz":
                text = path.read_text(encoding="utf-8")
                for folder in (arguments.source, arguments.build):
                    self.assertNotIn(str(folder), text, path.name)


class ProgramPackage(PackageCase, unittest.TestCase):
    documents = {"docs/architecture.md", "docs/cli.md", "docs/on-disk-format.md", "docs/security.md"}
    title = "# AsyncDrop for Boost.Asio, and demofs"

    @classmethod
    def setUpClass(cls):
        cls.package = Package("demofs", run("dpkg", "--print-architecture").strip())
        cls.program = cls.package.root / "usr/bin/demofs"

    def test_it_depends_on_fusermount_and_on_the_libraries_it_links(self):
        self.assertEqual(self.package.field("Section"), "utils")
        depends = self.package.depends()
        self.assertIn("fuse3", depends)
        names = {dependency.split()[0] for dependency in depends}
        self.assertLessEqual({"libc6", "libfuse3-3", "libsodium23", "libssl3", "libstdc++6", "libzxcvbn0"}, names)

    def test_it_holds_the_program_and_its_documents(self):
        self.check_files({
            "usr/bin/demofs",
            "usr/sbin/mount.demofs",
            "usr/sbin/mount.fuse.demofs",
            "usr/share/man/man1/demofs.1.gz",
            "usr/share/man/man8/mount.demofs.8.gz",
            "usr/share/bash-completion/completions/demofs",
            "usr/share/zsh/vendor-completions/_demofs",
            "usr/share/fish/vendor_completions.d/demofs.fish",
            "usr/lib/systemd/system/demofs@.service",
            "usr/lib/systemd/user/demofs@.service",
        })

    def test_the_helpers_of_mount_are_the_program(self):
        for name in ("mount.demofs", "mount.fuse.demofs"):
            helper = self.package.root / "usr/sbin" / name
            self.assertEqual(helper.resolve(), self.program.resolve())
            done = subprocess.run([helper, "one-word"], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"usage: {name} VAULT DIR", done.stderr)

    def test_the_program_runs_and_says_its_version(self):
        self.assertEqual(run(self.program, "--version"), f"demofs {arguments.version}\n")

    def test_the_program_is_stripped_and_looks_for_libraries_in_the_usual_places(self):
        sections = run("readelf", "--section-headers", "--wide", self.program)
        self.assertNotIn(".symtab", sections)
        self.assertNotRegex(run("readelf", "--dynamic", "--wide", self.program), "RPATH|RUNPATH")


class PluginPackage(PackageCase, unittest.TestCase):
    title = "# Found before it runs: the clang-tidy plugin"

    @classmethod
    def setUpClass(cls):
        cls.package = Package("asyncdrop-tidy", run("dpkg", "--print-architecture").strip())
        cls.plugin = cls.package.root / "usr/lib/asyncdrop/asyncdrop-tidy.so"

    def test_it_depends_on_the_clang_tidy_that_loads_it(self):
        self.assertEqual(self.package.field("Section"), "devel")
        names = {dependency.split()[0] for dependency in self.package.depends()}
        self.assertLessEqual({"clang-tidy-19", "libc6", "libstdc++6"}, names)

    def test_it_holds_the_plugin_and_its_documents(self):
        self.check_files({"usr/lib/asyncdrop/asyncdrop-tidy.so"})

    def test_clang_tidy_loads_it_and_knows_its_checks(self):
        listed = run("clang-tidy-19", f"--load={self.plugin}", "--checks=-*,asyncdrop-*", "--list-checks").split()
        self.assertEqual({name for name in listed if name.startswith("asyncdrop-")},
                         {"asyncdrop-dangling-coroutine-parameter", "asyncdrop-discarded-guard", "asyncdrop-forgotten-drop",
                          "asyncdrop-use-after-drop"})

    def test_it_is_stripped_and_looks_for_libraries_in_the_usual_places(self):
        self.assertNotIn(".symtab", run("readelf", "--section-headers", "--wide", self.plugin))
        self.assertNotRegex(run("readelf", "--dynamic", "--wide", self.plugin), "RPATH|RUNPATH")


def main():
    global arguments, PluginPackage
    parser = argparse.ArgumentParser()
    for name in ("build", "source", "staged", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--tidy", action="store_true")
    arguments, rest = parser.parse_known_args()
    if not arguments.tidy:
        del PluginPackage
    shutil.rmtree(arguments.work, ignore_errors=True)
    arguments.work.mkdir(parents=True)
    os.chdir(arguments.work)
    run("cpack", "-G", "DEB", "--config", arguments.build / "CPackConfig.cmake", "-B", arguments.work)
    shutil.rmtree(arguments.work / "_CPack_Packages")
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
