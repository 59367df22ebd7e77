"""The cache example with real files, a full device and a real SIGTERM."""

import re
import unittest

from program import ExampleTest, wait_until


class WriteBehindCache(ExampleTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "counters"

    def stored(self):
        """What the file says: the last line of a key counts."""
        return {key: int(value) for key, value in (line.split(" ") for line in self.file.read_text().splitlines())}

    def numbers(self, program):
        """Updates made, values written, writes."""
        out, _ = program.texts()
        return (int(re.search(r"(\d+) updates made", out)[1]),
                *map(int, re.search(r"(\d+) values written in (\d+) writes", out).groups()))

    def test_stores_every_update_and_writes_far_fewer(self):
        for expected in (1000, 2000):
            program = self.start("--file", self.file, "--updates", 50_000, "--keys", 50)
            self.assert_ends(program, 0)
            self.assertEqual(self.stored(), {f"counter-{n}": expected for n in range(50)})
            updates, values, writes = self.numbers(program)
            self.assertEqual(updates, 50_000)
            self.assertLess(values, updates // 2)
            self.assertGreaterEqual(writes, 1)
            self.assertRegex(program.texts()[0], r"(?s)3 dropped\n.*flusher: dropped.*cache: dropped.*store: dropped")

    def test_flushes_what_only_the_cache_knows_before_the_store_closes(self):
        program = self.start("--file", self.file, "--updates", 10, "--keys", 3, "--interval-ms", 3_600_000)
        self.assert_ends(program, 0)
        self.assertEqual(self.numbers(program), (10, 3, 1))
        self.assertEqual(self.stored(), {"counter-0": 4, "counter-1": 3, "counter-2": 3})

    def test_a_signal_loses_no_update(self):
        program = self.start("--file", self.file, "--updates", 10**12, "--interval-ms", 1)
        wait_until(lambda: self.file.exists() and self.file.stat().st_size > 2000, "some flushes have happened")
        program.terminate()
        self.assert_ends(program, 0)
        updates, _, writes = self.numbers(program)
        self.assertEqual(sum(self.stored().values()), updates)
        self.assertGreater(writes, 1)

    def test_waits_for_the_store_when_too_much_is_unwritten(self):
        program = self.start("--file", self.file, "--updates", 1000, "--keys", 1000, "--max-unwritten", 10,
                             "--interval-ms", 3_600_000)
        self.assert_ends(program, 0)
        self.assertEqual(self.numbers(program), (1000, 1000, 100))
        self.assertEqual(len(self.stored()), 1000)

    def test_reports_what_is_lost_when_the_disk_is_full(self):
        program = self.start("--file", "/dev/full", "--updates", 10**12, "--keys", 5, "--interval-ms", 1)
        program.wait_for("a flush failed and will be tried again: .*No space left on device", program.err)
        program.terminate()
        self.assert_ends(program, 1)
        out, err = program.texts()
        self.assertRegex(out, r"flusher: dropped")
        self.assertRegex(out, r"cache: failed .*5 counters are lost: .*No space left on device")
        self.assertRegex(out, r"store: dropped")
        self.assertRegex(err, r"write_behind_cache: 5 counters are lost")

    def test_an_update_that_must_wait_for_a_full_disk_fails(self):
        program = self.start("--file", "/dev/full", "--updates", 100, "--keys", 10, "--max-unwritten", 5,
                             "--interval-ms", 3_600_000)
        self.assert_ends(program, 1)
        out, err = program.texts()
        self.assertNotIn("updates made", out)
        self.assertRegex(out, r"cache: failed .*5 counters are lost")
        self.assertRegex(err, r"write_behind_cache: the store cannot be written: No space left on device")

    def test_tears_down_what_was_built_when_the_store_is_damaged(self):
        self.file.write_text("this is no counter\n")
        program = self.start("--file", self.file)
        self.assert_ends(program, 1)
        out, err = program.texts()
        self.assertIn("the store's file is damaged", err)
        self.assertRegex(out, r"teardown of 1 node in .*: 1 dropped")
        self.assertEqual(self.file.read_text(), "this is no counter\n")


if __name__ == "__main__":
    unittest.main()
