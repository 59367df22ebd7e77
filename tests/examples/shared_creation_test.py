"""The shared creation example. A named pipe as the file decides when a creation ends: at its end of file."""

import os
import unittest

from program import ExampleTest, wait_until


class SharedCreation(ExampleTest):
    def setUp(self):
        super().setUp()
        self.program = self.start()

    def words(self, name, text):
        file = self.folder / name
        file.write_text(text)
        return file

    def pipe(self, name):
        file = self.folder / name
        os.mkfifo(file)
        return file

    def find(self, file, word):
        self.program.say(f"find {file} {word}")

    def answer(self, number):
        return self.program.wait_for(rf"^{number}: (?!started)(.*)")[1]

    def fill(self, pipe, text):
        """Lets whoever reads the pipe have this text, and its end."""
        with open(pipe, "w", encoding="utf-8") as stream:
            stream.write(text)

    def loads(self, file):
        return self.program.out.count(f"loading {file}")

    def finish(self):
        self.program.end_of_input()
        self.assert_ends(self.program, 0)
        self.assertEqual(self.program.out[-1], "closed")
        self.assertEqual(list(self.folder.glob("*.lock")), [])

    def test_reads_a_file_once_for_all_who_ask(self):
        slow, quick = self.pipe("slow"), self.words("quick", "a b\nc\n")
        for word in ["apple", "pear", "plum"] * 20:
            self.find(slow, word)
        self.program.wait_for("60: started")
        self.find(quick, "c")
        self.assertEqual(self.answer(61), "line 2")  # others do not wait for the slow one
        self.assertTrue((self.folder / "slow.lock").exists())
        self.fill(slow, "pear apple\npear\nplum\n")
        for number, line in enumerate([1, 1, 3] * 20, start=1):
            self.assertEqual(self.answer(number), f"line {line}")
        self.find(slow, "cherry")  # the pipe is not read again
        self.assertEqual(self.answer(62), "not there")
        self.assertEqual(self.loads(slow), 1)
        self.finish()

    def test_a_cancelled_first_waiter_hurts_nobody(self):
        slow = self.pipe("slow")
        self.find(slow, "apple")
        self.program.wait_for("loading")
        self.find(slow, "pear")
        self.program.wait_for("2: started")
        self.program.say("cancel 1")
        self.assertIn("canceled", self.answer(1))
        self.program.say("cancel 1")
        self.program.wait_for("1: not in progress")
        self.fill(slow, "apple\npear\n")
        self.assertEqual(self.answer(2), "line 2")
        self.assertEqual(self.loads(slow), 1)
        self.finish()

    def test_what_nobody_waits_for_any_more_is_there_for_the_next(self):
        slow = self.pipe("slow")
        self.find(slow, "apple")
        self.program.wait_for("loading")
        self.program.say("cancel 1")
        self.assertIn("canceled", self.answer(1))
        self.find(slow, "apple")
        self.fill(slow, "apple\n")
        self.assertEqual(self.answer(2), "line 1")
        self.assertEqual(self.loads(slow), 1)
        self.finish()

    def test_a_failure_is_shared_and_the_next_request_tries_again(self):
        slow = self.pipe("slow")
        for _ in range(3):
            self.find(slow, "apple")
        self.program.wait_for("3: started")
        self.fill(slow, "")
        for number in (1, 2, 3):
            self.assertIn("there are no words in it", self.answer(number))
        self.assertEqual(self.loads(slow), 1)
        wait_until(lambda: not (self.folder / "slow.lock").exists(), "the failed creation is undone")
        self.find(slow, "apple")
        self.program.wait_for("4: started")
        self.fill(slow, "apple\n")
        self.assertEqual(self.answer(4), "line 1")
        self.assertEqual(self.loads(slow), 2)
        self.finish()

    def test_a_file_that_is_locked_or_missing_can_be_had_later(self):
        late = self.folder / "late"
        lock = self.words("late.lock", "")
        self.find(late, "apple")
        self.assertIn("File exists", self.answer(1))
        lock.unlink()
        self.find(late, "apple")
        self.assertIn("No such file", self.answer(2))
        self.words("late", "apple")
        self.find(late, "apple")
        self.assertEqual(self.answer(3), "line 1")
        self.finish()

    def test_the_end_of_input_waits_for_requests_in_progress(self):
        slow = self.pipe("slow")
        self.find(slow, "apple")
        self.program.wait_for("loading")
        self.program.end_of_input()
        self.assertIsNone(self.program.process.poll())
        self.fill(slow, "apple\n")
        self.assertEqual(self.answer(1), "line 1")
        self.assert_ends(self.program, 0)
        self.assertFalse((self.folder / "slow.lock").exists())

    def test_reports_a_cleanup_that_fails(self):
        file = self.words("words", "apple")
        self.find(file, "apple")
        self.assertEqual(self.answer(1), "line 1")
        (self.folder / "words.lock").unlink()
        self.program.end_of_input()
        self.assert_ends(self.program, 1)
        self.assertIn("No such file", self.program.texts()[1])


if __name__ == "__main__":
    unittest.main()
