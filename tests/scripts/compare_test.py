#!/usr/bin/env python3
"""Tests the parts of benchmarks/compare.py that compute: no mounts, no daemons, no fio."""

import io
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from contextlib import redirect_stderr
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS.parent / "scripts" / "lib")]

import compare  # noqa: E402
from comparison import chart, figures, filesystems, fio, material, report, rounds, workloads  # noqa: E402

KINDS = {name: {"encrypted": kind.encrypted, "syncs": kind.syncs, "options": name} for name, kind in filesystems.ALL.items()}
RESULTS = {
    "sequential write": {"native": [1000, 1200, 1100], "passthrough": [500, 550, 600], "demofs": [400, 900, 600],
                         "gocryptfs": [300, 200, 310], "securefs": [250, 260, 240]},
    "sqlite transactions": {"demofs": [600], "gocryptfs": [500], "cryfs": [1500]},
    "fsync p99": {"demofs": [0.5, 0.6, 0.7], "gocryptfs": [1.2, 1.2, 1.2], "securefs": [2, 2, 2]},
    "untar": {"demofs": [1.0], "gocryptfs": [2.0]},
    "unmount": {"demofs": [0.5], "gocryptfs": [0.001]},
}


def record():
    machine = {"kernel": "6", "processors": 2, "memory_gib": 8, "disk": "ext4", "load": 0.5}
    return {"machine": machine, "rounds": 3, "sizes": "small", "cold": True, "filesystems": KINDS, "figures": RESULTS}


class Figures(unittest.TestCase):
    def test_ratios_above_one_are_better_whatever_the_unit(self):
        self.assertEqual(figures.ratio("sequential write", 600, 300), 2)
        self.assertEqual(figures.ratio("untar", 1, 2), 2)
        self.assertEqual(figures.ratio_of_medians(RESULTS, "sequential write", "demofs", "gocryptfs"), 2)
        self.assertEqual(figures.ratio_of_medians(RESULTS, "fsync p99", "demofs", "gocryptfs"), 2)

    def test_the_best_peer_is_encrypted_and_not_demofs(self):
        self.assertEqual(figures.best_peer(RESULTS, "sequential write", KINDS), "gocryptfs")
        self.assertEqual(figures.best_peer(RESULTS, "fsync p99", KINDS), "gocryptfs")

    def test_who_does_not_sync_is_no_peer_where_durability_is_measured(self):
        self.assertEqual(figures.best_peer(RESULTS, "sqlite transactions", KINDS), "gocryptfs")
        only_cryfs = {"sqlite transactions": {"demofs": [600], "cryfs": [1500]}}
        self.assertIsNone(figures.best_peer(only_cryfs, "sqlite transactions", KINDS))

    def test_the_spread_is_of_the_ratios_round_by_round(self):
        self.assertEqual(figures.ratio_spread(RESULTS, "sequential write", "demofs", "gocryptfs"), (400 / 300, 4.5))
        self.assertIsNone(figures.ratio_spread(RESULTS, "sequential write", "cryfs", "gocryptfs"))

    def test_what_was_not_measured_has_no_ratio(self):
        self.assertIsNone(figures.ratio_of_medians(RESULTS, "sequential write", "demofs", "encfs"))
        self.assertIsNone(figures.median(RESULTS, "clone", "demofs"))

    def test_the_mean_takes_all_workloads_but_the_unmount(self):
        expected = figures.geometric_mean([2, 600 / 500, 2, 2])
        self.assertAlmostEqual(figures.mean_ratio(RESULTS, "demofs", KINDS), expected)
        self.assertIsNone(figures.mean_ratio({}, "demofs", KINDS))


class Report(unittest.TestCase):
    def test_names_median_spread_peer_and_goal(self):
        text = report.text(record())
        self.assertIn("| sequential write, MB/s | 1,100 (1,000–1,200) | 550 (500–600) | 600 (400–900) |", text)
        self.assertIn("| sequential write | gocryptfs | 2.00x (≥ 2x: reached) | 1.09x (≥ 1x: reached) |", text)
        self.assertIn("| sqlite, synced transactions | gocryptfs | 1.20x (≥ 1.3x: missed) | – |", text)
        self.assertNotIn("caches were not dropped", text)

    def test_numbers_have_as_many_digits_as_are_worth_reading(self):
        self.assertEqual([report.number(*value) for value in ((54_321, "/s"), (54_321, "MB/s"), (12.345, "s"), (0.1234, "ms"))],
                         ["54.3k", "54,321", "12.3", "0.12"])

    def test_every_workload_of_a_saved_record_survives_json(self):
        self.assertEqual(report.text(json.loads(json.dumps(record()))), report.text(record()))


class Chart(unittest.TestCase):
    def test_is_well_formed_and_has_a_row_for_each_compared_workload(self):
        picture = xml.etree.ElementTree.fromstring(chart.svg(record()))
        texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
        for workload in ("sequential write", "sqlite transactions", "fsync p99", "untar"):
            self.assertIn(workloads.ALL[workload].title, texts)
        self.assertNotIn(workloads.ALL["unmount"].title, texts)

    def test_the_axis_is_logarithmic_and_ends(self):
        middle = (chart.position(0.5) + chart.position(2)) / 2
        self.assertAlmostEqual(chart.position(1), middle)
        self.assertEqual(chart.position(1000), chart.LEFT + chart.WIDTH)
        self.assertEqual(chart.position(0.001), chart.LEFT)


@unittest.skipUnless(shutil.which("git"), "git is not installed")
class SettledIndex(unittest.TestCase):
    def test_git_need_not_read_a_file_to_know_that_it_has_not_changed(self):
        with tempfile.TemporaryDirectory() as folder:
            repository = Path(folder)
            (repository / "file").write_text("content")
            for arguments in (["init", "--quiet"], ["add", "."]):
                subprocess.run(["git", "-C", folder, *arguments], check=True, env=material.git_environment())
            workloads.settle_index(repository)
            self.assertGreater(int((repository / ".git/index").stat().st_mtime), int((repository / "file").stat().st_mtime))


class Fio(unittest.TestCase):
    @staticmethod
    def output(read_ios=0, write_ios=0, read_ms=0, write_ms=0, error=0, sync=None):
        job = {"error": error, "read": {"total_ios": read_ios, "runtime": read_ms},
               "write": {"total_ios": write_ios, "runtime": write_ms}}
        if sync:
            job["sync"] = {"lat_ns": {"percentile": {"99.000000": sync}}}
        return "fio: a warning\n" + json.dumps({"jobs": [job]})

    def test_counts_reads_and_writes_over_the_whole_time(self):
        self.assertEqual(fio.figures(self.output(7000, 3000, 1000, 2000)), (5000, None))

    def test_tells_the_percentile_of_fsync_in_milliseconds(self):
        self.assertEqual(fio.figures(self.output(write_ios=100, write_ms=1000, sync=1_500_000)), (100, 1.5))

    def test_nothing_done_is_an_error(self):
        for output in (self.output(), self.output(5, 5, 100, 100, error=5)):
            with self.assertRaises(fio.FioError):
                fio.figures(output)

    def test_options_override_the_defaults(self):
        command = fio.command("file", 4096, 1, ioengine="io_uring", fsync=1)
        self.assertIn("--ioengine=io_uring", command)
        self.assertNotIn("--ioengine=psync", command)
        self.assertIn("--fsync=1", command)


class Rounds(unittest.TestCase):
    def test_each_round_begins_with_another_filesystem(self):
        self.assertEqual([rounds.rotated([1, 2, 3], by) for by in range(4)], [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 2, 3]])

    def test_a_peer_that_fails_is_left_out_of_that_scenario_and_demofs_ends_the_run(self):
        class Failing:
            def __init__(self, name):
                self.name, self.root, self.tries, self.abandoned = name, Path("/nonexistent"), 0, 0

            def mount(self):
                self.tries += 1
                raise filesystems.FilesystemError("it does not mount")

            def abandon(self):
                self.abandoned += 1

        told = []
        peer, sizes = Failing("cryfs"), workloads.SIZES["smoke"]
        rounds.Rounds([peer], sizes, None, lambda text, lasting=False: told.append(text)).run(3, ["trees", "large_file"])
        self.assertEqual((peer.tries, peer.abandoned), (2, 2))
        self.assertIn("cryfs failed in large_file: it does not mount", told)
        with self.assertRaises(filesystems.FilesystemError):
            rounds.Rounds([Failing("demofs")], sizes, None, lambda *_, **__: None).run(1, workloads.SCENARIOS)


class CommandLine(unittest.TestCase):
    def test_refuses_what_it_does_not_know(self):
        for bad in (["--filesystems", "demofs,zfs"], ["--scenarios", "trees,flowers"], ["--rounds", "0"], ["--sizes", "huge"]):
            with redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
                compare.arguments_of(bad)

    def test_compares_everything_by_default(self):
        self.assertEqual(compare.arguments_of([]).filesystems.split(","), list(filesystems.ALL))


if __name__ == "__main__":
    unittest.main()
