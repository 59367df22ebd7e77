"""The manual page, the completions and docs/cli.md name the commands, options and exit codes that the program has, and no others.

Environment: DEMOFS is the program.
"""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
FOR_TESTS = {"--weak-key-derivation"}


def run(*arguments, code=0):
    done = subprocess.run([os.environ["DEMOFS"], *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == code, (arguments, done)
    return done.stdout + done.stderr


def commands():
    listed = run("--help").split("Subcommands:\n")[1].split("\n\n")[0]
    return re.findall(r"(?m)^  (\w+) ", listed)


def options(command):
    """The long options that `demofs COMMAND --help` lists."""
    listed = run(command, "--help").split("\nExamples:")[0]
    return set(re.findall(r"(?m)^ +(?:-\w,)?(--[a-z-]+)", listed))


class CommandLine(unittest.TestCase):
    def sections_of_the_manual(self):
        """What each command's section of the manual says, with that of the passwords added where it applies."""
        text = (PACKAGING / "man/demofs.1").read_text().replace("\\-", "-")
        sections = dict(re.findall(r"(?ms)^\.SS demofs (\w+)[^\n]*\n(.*?)(?=^\.S)", text))
        [passwords] = re.findall(r"(?ms)^\.SH PASSWORDS\n(.*?)(?=^\.SH)", text)
        for command in ("init", "mount", "info", "check", "salvage", "fork", "key"):
            sections[command] += passwords
        return sections

    def test_there_are_commands(self):
        self.assertEqual(commands(), ["init", "mount", "unmount", "status", "info", "check", "salvage", "fork", "key", "help"])

    def test_the_manual_has_each_option_of_each_command(self):
        sections = self.sections_of_the_manual()
        self.assertEqual(set(sections), set(commands()))
        for command in commands():
            described = set(re.findall(r"(?m)^\.(?:TP\n)?[BI]+R? .*?(--[a-z-]+)", sections[command]))
            self.assertEqual(described, options(command) - {"--help"}, command)

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_the_manual_pages_are_well_formed(self):
        for page in (PACKAGING / "man").iterdir():
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", str(page)], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.stderr, "", page.name)

    def test_bash_completes_each_option(self):
        text = (PACKAGING / "completions/demofs.bash").read_text()
        for command in commands():
            [listed] = re.findall(rf'(?s)\b{command}\) options="(.*?)"', text)
            self.assertEqual(set(re.findall("--[a-z-]+", listed)), options(command), command)

    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_bash_offers_what_begins_as_typed(self):
        script = f"""
            source {PACKAGING}/completions/demofs.bash
            compopt() {{ :; }}
            complete_words() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _demofs; echo "${{COMPREPLY[*]}}"; }}
            complete_words demofs un
            complete_words demofs mount --teardown-t
            complete_words demofs mount --log-level wa
        """
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(done.stdout.splitlines(), ["unmount", "--teardown-timeout --teardown-trace", "warn"])

    def test_zsh_completes_each_option(self):
        text = (PACKAGING / "completions/_demofs").read_text()
        passwords = set(re.findall(r"\)(--(?:password-\w+|key-file))\[", text))
        for command in commands():
            if command == "help":
                continue
            [listed] = re.findall(rf"(?s)\n +{command}\)\n(.*?);;", text)
            found = set(re.findall(r"'(?:\*|\([^)]*\))?(--[a-z-]+)\[", listed)) | (passwords if "$password" in listed else set())
            self.assertEqual(found, options(command), command)

    def test_fish_completes_each_option(self):
        text = (PACKAGING / "completions/demofs.fish").read_text()
        for command in commands():
            lines = [line for line in text.splitlines() if re.search(rf'"__fish_seen_subcommand_from [^"]*\b{command}\b', line)]
            found = {"--" + name for line in lines for name in re.findall(r" -l ([a-z-]+)", line)} | {"--help"}
            self.assertEqual(found, options(command), command)

    def test_the_documentation_names_each_option(self):
        text = (ROOT / "docs/cli.md").read_text()
        named = set(re.findall("`(?:demofs [a-z]+ )?(?:-[a-z]`, `)?(--[a-z-]+)", text)) | set(re.findall(r"(?<=[ `])--[a-z-]+", text))
        for command in commands():
            missing = options(command) - named - FOR_TESTS - {"--help"}
            self.assertEqual(missing, set(), command)

    def test_the_documentation_tells_the_defaults(self):
        """Those of `mount` that are numbers, in the table of docs/cli.md and at the end of what the manual says."""
        listed = run("mount", "--help").split("\nExamples:")[0]
        defaults = dict(re.findall(r"(?m)^ +(--[a-z-]+) .*?\]=(\d+)", listed))
        self.assertEqual(defaults["--cache-mib"], "16")
        table = dict(re.findall(r"(?m)^\| `(--[a-z-]+) [A-Z]+` \|.*\| ([^|]*) \|$", (ROOT / "docs/cli.md").read_text()))
        manual = dict(re.findall(r"(?m)^\.BI (--[a-z-]+) .*\n((?:(?!\.TP|\.S).*\n)*)", (PACKAGING / "man/demofs.1").read_text().replace("\\-", "-")))
        for option, default in defaults.items():
            words = r"never" if default == "0" else rf"\b{default}\b"
            self.assertRegex(table[option], words, option)
            self.assertRegex(manual[option], words, option)

    def test_the_exit_codes_are_those_of_the_source(self):
        source = (ROOT / "demofs/app/exit_codes.hpp").read_text()
        codes = {int(code) for code in re.findall(r"exit_\w+ = (\d+)", source)}
        documented = {int(code) for code in re.findall(r"(?m)^\| (\d+) \|", (ROOT / "docs/cli.md").read_text())}
        [section] = re.findall(r"(?ms)^\.SH EXIT STATUS\n(.*?)(?=^\.SH)", (PACKAGING / "man/demofs.1").read_text())
        self.assertEqual(documented, codes)
        self.assertEqual({int(code) for code in re.findall(r"(?m)^\.B (\d+)$", section)}, codes)

    def test_what_is_mistyped_gets_a_suggestion(self):
        self.assertIn("did you mean unmount?", run("umount", "x", code=2))
        self.assertIn("did you mean mount?", run("mout", "x", "y", code=2))
        self.assertIn("did you mean init?", run("create", "x", code=2))
        self.assertIn("did you mean status?", run("help", "stauts", code=2))
        self.assertIn("did you mean key?", run("keys", "x", code=2))
        self.assertIn("demofs --help shows them", run("frobnicate", code=2))
        said = run("mount", "x", "y", "--pasword-file", "z", code=2)
        self.assertIn("--pasword-file", said)
        self.assertIn("did you mean --password-file?", said)

    def test_a_mistyped_option_before_the_command_gets_a_suggestion(self):
        for typed, meant in (("--verison", "--version"), ("-v", "-V"), ("-H", "-h"), ("--hlep", "--help"), ("-version", "--version")):
            self.assertIn(f"no option {typed}; did you mean {meant}?", run(typed, code=2))
        self.assertIn("no option --json; it belongs behind a command that has it: unmount, status, check, salvage, fork", run("--json", "status", code=2))
        self.assertIn("no option --log-level; it belongs behind a command that has it: mount", run("--log-level=info", "mount", "x", "y", code=2))
        self.assertIn("no option --frob; demofs --help shows", run("--frob", code=2))

    def test_an_option_of_one_letter_gets_a_suggestion_too(self):
        self.assertIn("did you mean -v?", run("unmount", "x", "-V", code=2))

    def test_the_example_of_the_overview_makes_each_directory_that_it_uses(self):
        """Each directory is made before it is used."""
        lines = re.findall(r"(?m)^  (demofs \w+ ~\S+(?: ~\S+)?|mkdir ~\S+)", run("--help"))
        self.assertEqual([line.split()[:2] for line in lines if line.startswith("demofs")],
                         [["demofs", "init"], ["demofs", "mount"], ["demofs", "unmount"]])
        made = {word for line in lines if line.startswith(("mkdir", "demofs init")) for word in line.split() if word.startswith("~")}
        used = {word for line in lines for word in line.split() if word.startswith("~")}
        self.assertEqual(made, used, "a directory that is not made")

    def test_no_command_shows_what_there_is(self):
        said = run(code=2)
        self.assertIn(run("--help"), said)
        self.assertTrue(said.endswith("demofs: a command is missing, one of those above\n"), said)

    def test_an_error_says_where_help_is(self):
        self.assertIn("demofs: DIR is required; see demofs unmount --help", run("unmount", code=2))
        self.assertRegex(run("unmount", "x", "--timeout", "0", code=2), "demofs: --timeout: .*; see demofs unmount --help")

    def test_help_and_version_in_each_way(self):
        self.assertEqual(run("help"), run("--help"))
        self.assertEqual(run("help", "mount"), run("mount", "--help"))
        self.assertEqual(run("-V"), run("--version"))
        self.assertEqual(run("help", "passwd"), run("key", "--help"))
        for command in ("init", "mount", "unmount", "status", "info", "salvage", "fork", "key"):
            self.assertIn(f"Examples:\n  demofs {command}", run(command, "--help"))


if __name__ == "__main__":
    unittest.main()
