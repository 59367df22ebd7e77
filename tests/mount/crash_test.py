"""kill -9 of the daemon: the next mount cleans up the dead one and shows everything that was fsynced."""

import contextlib
import errno
import os
import re
import shutil
import threading
import unittest

from mount_fixture import MountTest, seeded_random, wait_until

ROUNDS = 6
DAEMON_DIED = 30  # exit code


class Writer(threading.Thread):
    """Creates, overwrites, renames and deletes files until the mount dies; remembers what has been acknowledged.

    A path's entry in `acknowledged` is what must be found after a crash; a path in `uncertain` was being changed
    when the mount died, so that both its states are right.
    """

    def __init__(self, folder, name, random):
        super().__init__(name=name)
        self.folder, self.random = folder, random
        self.acknowledged = {}
        self.uncertain = {}
        self.operations = 0
        self.unexpected = None

    def run(self):
        try:
            while True:
                self.one_operation()
                self.operations += 1
        except OSError as error:
            # EIO: the request was under way when the daemon died. EBADF cannot happen: descriptors are not shared.
            if error.errno not in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO):
                self.unexpected = error

    def one_operation(self):
        path = f"{self.name}-{self.random.randrange(40)}"
        choice = self.random.random()
        before = self.acknowledged.get(path)
        if before is not None and choice < 0.15:
            self.change({path: None}, lambda: os.unlink(self.folder / path))
        elif before is not None and choice < 0.3:
            target = f"{self.name}-{self.random.randrange(40)}"
            if target != path:
                self.change({path: None, target: before}, lambda: os.rename(self.folder / path, self.folder / target))
        else:
            size = self.random.choice([0, 10, 5000, 70_000, 400_000])
            data = self.random.randbytes(size)
            if before is None:
                self.change({path: data}, lambda: self.write(path, data), states=[b""])
            else:
                # Replaced by rename: after a crash the old or the new contents, nothing between.
                temporary = path + ".new"
                self.uncertain[temporary] = None  # whether it is still there says nothing
                self.change({path: data},
                            lambda: (self.write(temporary, data), os.rename(self.folder / temporary, self.folder / path)))

    def write(self, path, data):
        descriptor = os.open(self.folder / path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view):]
            os.fsync(descriptor)
        finally:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def change(self, after, operation, states=()):
        """Does the operation and makes the directory durable; until then old and new states are both right."""
        for path, data in after.items():
            self.uncertain[path] = [self.acknowledged.get(path), data, *states]
        operation()
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        for path, data in after.items():
            del self.uncertain[path]
            if data is None:
                self.acknowledged.pop(path, None)
            else:
                self.acknowledged[path] = data


class KilledDaemon(MountTest):
    def test_everything_fsynced_is_there_after_kill_9_under_load(self):
        random = seeded_random(self)
        folder = self.root / "work"
        for round_number in range(ROUNDS):
            folder.mkdir()
            self.sync_directory(self.root)
            writers = [Writer(folder, f"writer{number}", type(random)(random.randrange(1 << 32))) for number in range(3)]
            enough = random.randrange(5, 400)
            for writer in writers:
                writer.start()
            self.wait_for_operations(writers, enough)
            self.vault.kill()
            for writer in writers:
                writer.join(60)
                self.assertFalse(writer.is_alive(), "a writer hangs on a dead mount")
                self.assertIsNone(writer.unexpected)
            self.vault.mount()
            for writer in writers:
                self.check(folder, writer, round_number)
            shutil.rmtree(folder)

    def wait_for_operations(self, writers, enough):
        wait_until(lambda: sum(writer.operations for writer in writers) >= enough or
                   not all(writer.is_alive() for writer in writers), "the writers have done something")

    def check(self, folder, writer, round_number):
        found = {name: (folder / name).read_bytes() for name in os.listdir(folder) if name.startswith(writer.name + "-")}
        for path, data in writer.acknowledged.items():
            if path not in writer.uncertain:
                self.assertIn(path, found, f"{path} is lost in round {round_number}")
                self.assertTrue(found[path] == data, f"{path} has wrong contents in round {round_number}: "
                                f"{len(found[path])} bytes instead of {len(data)}")
        for path, data in found.items():
            if path in writer.uncertain:
                states = writer.uncertain[path]
                # A file that was still being written may be there in part.
                partly = states is None or any(state is not None and state.startswith(data) for state in states)
                self.assertTrue(partly, f"{path} has contents that nobody wrote in round {round_number}")
            else:
                self.assertIn(path, writer.acknowledged, f"{path} came back in round {round_number}")

    def sync_directory(self, path):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(descriptor)
        os.close(descriptor)

    def test_fsync_of_a_file_also_makes_its_name_durable(self):
        (self.root / "folder").mkdir()
        self.write_synced(self.root / "folder" / "file", b"acknowledged")
        self.vault.kill()
        self.vault.mount()
        self.assertEqual((self.root / "folder" / "file").read_bytes(), b"acknowledged")

    def test_a_file_that_was_replaced_without_fsync_has_its_old_or_its_new_content(self):
        # The fsync of another file commits the rename; it must not commit it without the content.
        sizes = {"inline": 200, "part of a block": 20_000, "blocks": 100_000}
        for name, size in sizes.items():
            self.write_synced(self.root / name, b"O" * size)
        for name, size in sizes.items():
            (self.root / "new").write_bytes(b"N" * size)
            os.rename(self.root / "new", self.root / name)
        self.write_synced(self.root / "other", b"x")
        self.vault.kill()
        self.vault.mount()
        for name, size in sizes.items():
            self.assertIn((self.root / name).read_bytes(), (b"O" * size, b"N" * size), name)

    def test_a_file_that_was_written_anew_and_closed_has_content_after_a_crash(self):
        self.write_synced(self.root / "file", b"O" * 20_000)
        (self.root / "file").write_bytes(b"N" * 20_000)  # truncates first
        self.write_synced(self.root / "other", b"x")
        self.vault.kill()
        self.vault.mount()
        self.assertEqual((self.root / "file").read_bytes(), b"N" * 20_000)

    def test_a_killed_daemon_leaves_a_dead_mount_that_the_next_mount_cleans_up(self):
        self.write_synced(self.root / "file", b"data")
        self.vault.kill()
        with self.assertRaises(OSError) as caught:
            os.listdir(self.root)
        # The second is for whoever asks while the kernel is still noticing.
        self.assertIn(caught.exception.errno, (errno.ENOTCONN, errno.ECONNABORTED))
        self.vault.mount()
        self.assertEqual((self.root / "file").read_bytes(), b"data")
        self.vault.unmount()
        self.assertFalse(self.vault.is_mounted())

    def test_unmount_cleans_up_a_dead_mount(self):
        self.vault.kill()
        done = self.vault.unmount(check=False)
        self.assertEqual(done.returncode, DAEMON_DIED, done.stderr)
        self.assertFalse(self.vault.is_mounted())
        self.assertEqual(os.listdir(self.root), [])

    def test_crashing_again_right_after_recovery_loses_nothing(self):
        self.write_synced(self.root / "file", b"data" * 10_000)
        for _ in range(4):
            self.vault.kill()
            self.vault.mount()
            self.assertEqual((self.root / "file").read_bytes(), b"data" * 10_000)
        self.write_synced(self.root / "another", b"more")
        self.vault.remount()
        self.assertEqual((self.root / "another").read_bytes(), b"more")


class OpenFile(MountTest):
    """A program writes and keeps the file open, without fsync: the pages lie in the kernel's cache."""

    def setUp(self):
        super().setUp()
        self.vault.unmount()
        self.vault.mount("--commit-interval-ms", "100")

    def info(self, line):
        """A figure of `demofs info` about the last commit."""
        text = self.vault.run("info", self.vault.path, *self.vault.password_arguments()).stdout
        return int(re.search(f"^{line} +([0-9]+)", text, re.MULTILINE)[1])

    def test_what_was_written_is_committed_though_the_file_stays_open(self):
        data = os.urandom(64 * 1024)
        half = len(data) // 2
        writer = self.start_writer(self.root / "file")
        writer.write(data[:half])
        wait_until(lambda: self.info("file data") >= half, "the daemon has asked for the pages and committed them")
        writer.write(data[half:])
        wait_until(lambda: self.info("file data") >= len(data), "the daemon has asked for the pages of the same file again")
        self.vault.kill()
        writer.close()
        self.vault.mount()
        self.assertTrue((self.root / "file").read_bytes() == data)


if __name__ == "__main__":
    unittest.main()
