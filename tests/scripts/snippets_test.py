"""Proves on made-up trees that every rule of scripts/snippets can fail, and that a rewritten document passes."""

import importlib.machinery
import importlib.util
import tempfile
import unittest
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "scripts" / "snippets"
loader = importlib.machinery.SourceFileLoader("snippets", str(PATH))
snippets = importlib.util.module_from_spec(importlib.util.spec_from_loader("snippets", loader))
loader.exec_module(snippets)

SOURCE = "int a;\n    // [snippet: part]\n    int b;\n\n    int c;\n    // [end]\n"
QUOTE = "<!-- snippet: examples/guide/a.cpp part -->\n"
BLOCK = "```cpp\nint b;\n\nint c;\n```\n"
MISTAKE = "// expect: x\n// g++ 12: error: no\nint f() {\n#ifdef MISTAKE\n    wrong();\n#else\n    right();\n#endif\n}\n"


class Snippets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("examples/guide/a.cpp", SOURCE)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def document(self, text, path="docs/asyncdrop/page.md"):
        self.write(path, text)

    def check(self):
        return snippets.process(self.root, check=True)

    def assert_problem(self, *parts):
        problems = self.check()
        self.assertEqual(len(problems), 1, problems)
        for part in parts:
            self.assertIn(part, problems[0])

    def test_a_true_quote_passes(self):
        self.document(QUOTE + BLOCK)
        self.assertEqual(self.check(), [])

    def test_a_changed_quote_is_named_with_file_line_and_cure(self):
        self.document(QUOTE + BLOCK.replace("int c", "int d"))
        self.assert_problem("docs/asyncdrop/page.md:5", "run scripts/snippets")

    def test_a_changed_source_is_noticed(self):
        self.document(QUOTE + BLOCK)
        self.write("examples/guide/a.cpp", SOURCE.replace("int b", "int x"))
        self.assert_problem("docs/asyncdrop/page.md:3", "run scripts/snippets")

    def test_rewriting_fills_a_marker_without_a_block_and_then_passes(self):
        self.document("text\n\n" + QUOTE + "\nmore\n")
        self.assertEqual(snippets.process(self.root, check=False), [])
        self.assertEqual((self.root / "docs/asyncdrop/page.md").read_text(),
                         "text\n\n" + QUOTE + BLOCK + "\nmore\n")
        self.assertEqual(self.check(), [])

    def test_checking_changes_nothing(self):
        self.document(QUOTE)
        self.check()
        self.assertEqual((self.root / "docs/asyncdrop/page.md").read_text(), QUOTE)

    def test_expectations_of_the_tidy_tests_are_not_quoted(self):
        self.write("examples/guide/a.cpp", SOURCE.replace("int b;", "int b;  // expect awaits: asyncdrop-forgotten-drop"))
        self.document(QUOTE + BLOCK)
        self.assertEqual(self.check(), [])

    def test_an_unquoted_block_of_cpp_is_refused(self):
        self.document(QUOTE + BLOCK + "\n```cpp\nint e;\n```\n")
        self.assert_problem("page.md:8", "not quoted")

    def test_an_unquoted_message_is_refused(self):
        self.document(QUOTE + BLOCK + "\n```text\nForgot\n```\n")
        self.assert_problem("page.md:8", "not quoted")

    def test_an_unquoted_block_in_the_readme_is_refused(self):
        self.document(QUOTE + BLOCK)
        self.document("```cpp\nint e;\n```\n", "README.md")
        self.assert_problem("README.md:1", "not quoted")

    def test_shell_is_not_quoted(self):
        self.document(QUOTE + BLOCK + "\n```sh\nls\n```\n")
        self.assertEqual(self.check(), [])

    def test_an_unknown_snippet_is_refused(self):
        self.document(QUOTE + BLOCK + "\n" + QUOTE.replace("part", "other"))
        self.assert_problem("page.md:8", "no snippet other")

    def test_an_unknown_file_is_refused(self):
        self.document(QUOTE + BLOCK + "\n" + QUOTE.replace("a.cpp", "b.cpp"))
        self.assert_problem("page.md:8", "no file examples/guide/b.cpp")

    def test_a_misspelt_marker_is_refused(self):
        self.document(QUOTE + BLOCK + "\n<!-- snippet examples/guide/a.cpp part -->\n")
        self.assert_problem("page.md:8", "not understood")

    def test_a_snippet_that_nobody_quotes_is_refused(self):
        self.document("nothing\n")
        self.assert_problem("examples/guide/a.cpp:2", "part is quoted nowhere")

    def test_a_snippet_without_end_is_refused(self):
        self.document(QUOTE + BLOCK)
        self.write("examples/guide/a.cpp", SOURCE.replace("// [end]", ""))
        with self.assertRaisesRegex(snippets.Problem, "a.cpp:2: snippet part has no"):
            self.check()

    def test_a_mistake_is_shown_without_the_right_way_and_with_its_message(self):
        self.document(QUOTE + BLOCK)
        self.write("tests/compile_fail/m.cpp", MISTAKE)
        self.document("<!-- mistake: tests/compile_fail/m.cpp -->\n<!-- message: tests/compile_fail/m.cpp -->\n",
                      "docs/asyncdrop/other.md")
        self.assertEqual(snippets.process(self.root, check=False), [])
        text = (self.root / "docs/asyncdrop/other.md").read_text()
        self.assertIn("```cpp\nint f() {\n    wrong();\n}\n```", text)
        self.assertIn("```text\nerror: no\n```", text)

    def test_a_file_without_a_mistake_is_refused(self):
        self.document(QUOTE + BLOCK + "<!-- mistake: examples/guide/a.cpp -->\n")
        self.assert_problem("page.md:7", "has no MISTAKE")

    def test_sections_of_an_output_are_quoted_and_must_be(self):
        self.write("examples/guide/a.out", "== one\nfirst\n== two\nsecond\n")
        self.document(QUOTE + BLOCK + "<!-- output: examples/guide/a.out one -->\n```text\nfirst\n```\n")
        self.assert_problem("a.out:3", "two is quoted nowhere")

    def test_broken_links_are_refused(self):
        self.document(QUOTE + BLOCK + "# A `b`: c\n[good](page.md#a-b-c) [here](#a-b-c)\n[bad](#nowhere)\n")
        self.assert_problem("page.md:9", "heading that does not exist")
        self.document(QUOTE + BLOCK + "[bad](../nothing.md)\n")
        self.assert_problem("page.md:7", "does not exist")

    def test_so_are_those_of_the_pages_elsewhere(self):
        self.document(QUOTE + BLOCK)
        self.write("examples/server/README.md", "[gone](nothing.md)\n")
        self.assert_problem("examples/server/README.md:1", "does not exist")

    def program(self, text):
        self.write("program", f"#!/bin/sh\nprintf '{text}'\n")
        (self.root / "program").chmod(0o755)
        return str(self.root / "program")

    def test_a_recorded_output_is_compared_but_for_durations(self):
        self.write("a.out", "took 1.5 ms\n")
        snippets.compare(self.root, "a.out", self.program("took 20.7 s\\n"))
        with self.assertRaisesRegex(SystemExit, "--record a.out"):
            snippets.compare(self.root, "a.out", self.program("took 20.7 ms, failed\\n"))

    def test_a_program_that_fails_is_noticed(self):
        self.write("a.out", "")
        with self.assertRaisesRegex(SystemExit, "ended with 3"):
            snippets.compare(self.root, "a.out", self.program("'; exit 3; printf '"))


if __name__ == "__main__":
    unittest.main()
