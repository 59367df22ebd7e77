"""Files through the mount: contents, sizes, times, modes, and files that are unlinked while open."""

import contextlib
import errno
import mmap
import os
import stat
import subprocess
import sys
import unittest

from mount_fixture import MountTest, seeded_random


class Contents(MountTest):
    def test_what_was_written_is_read_back(self):
        data = os.urandom(3_000_001)
        (self.root / "file").write_bytes(data)
        self.assertEqual((self.root / "file").read_bytes(), data)
        self.assertEqual(os.stat(self.root / "file").st_size, len(data))
        self.vault.remount()
        self.assertEqual((self.root / "file").read_bytes(), data)

    def test_an_empty_file_stays_empty(self):
        (self.root / "file").touch()
        self.vault.remount()
        self.assertEqual((self.root / "file").read_bytes(), b"")

    def test_append_always_goes_to_the_end(self):
        path = self.root / "file"
        first = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        second = os.open(path, os.O_WRONLY | os.O_APPEND)
        for number in range(200):
            os.write(first if number % 2 else second, b"%06d\n" % number)
        os.close(first)
        os.close(second)
        self.vault.remount()
        self.assertEqual(path.read_bytes(), b"".join(b"%06d\n" % number for number in range(200)))

    def test_truncating_and_growing_again_shows_zeros(self):
        path = self.root / "file"
        path.write_bytes(b"x" * 200_000)
        os.truncate(path, 70_001)
        self.assertEqual(os.stat(path).st_size, 70_001)
        os.truncate(path, 150_000)
        expected = b"x" * 70_001 + bytes(150_000 - 70_001)
        self.assertEqual(path.read_bytes(), expected)
        self.vault.remount()
        self.assertEqual(path.read_bytes(), expected)

    def test_opening_with_o_trunc_empties_the_file(self):
        path = self.root / "file"
        path.write_bytes(b"long " * 50_000)
        path.write_bytes(b"short")
        self.vault.remount()
        self.assertEqual(path.read_bytes(), b"short")

    def test_a_sparse_file_of_many_gib_takes_no_space_in_its_holes(self):
        path = self.root / "sparse"
        far = 40 * 2**30 + 12345
        with open(path, "wb") as file:
            file.write(b"begin")
            file.seek(far)
            file.write(b"end")
        self.vault.remount()
        self.assertEqual(os.stat(path).st_size, far + 3)
        with open(path, "rb") as file:
            self.assertEqual(file.read(5), b"begin")
            for offset in (5, 4096, 2**32 - 10, far - 4096):
                file.seek(offset)
                self.assertEqual(file.read(4096)[:far - offset].strip(b"\0"), b"", f"at {offset}")
            file.seek(far)
            self.assertEqual(file.read(100), b"end")
        vault_bytes = sum(entry.stat().st_blocks * 512 for entry in self.vault.path.rglob("*") if entry.is_file())
        self.assertLess(vault_bytes, 512 * 2**20)

    def test_a_file_can_be_mapped_and_changed_through_the_mapping(self):
        path = self.root / "mapped"
        path.write_bytes(bytes(100_000))
        with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
            mapping[50_000:50_005] = b"hello"
            mapping.flush()
        self.vault.remount()
        expected = bytes(50_000) + b"hello" + bytes(100_000 - 50_005)
        self.assertEqual(path.read_bytes(), expected)

    def test_random_writes_and_truncates_agree_with_a_model(self):
        random = seeded_random(self)
        path, model = self.root / "file", bytearray()
        path.touch()
        for step in range(400):
            choice = random.random()
            with open(path, "r+b", buffering=0) as file:
                if choice < 0.75:
                    offset = random.randrange(len(model) + 70_000)
                    data = random.randbytes(random.choice([1, 17, 4096, 5000, 32768, 70_000]))
                    file.seek(offset)
                    file.write(data)
                    model.extend(bytes(max(0, offset - len(model))))
                    model[offset:offset + len(data)] = data
                elif choice < 0.95:
                    size = random.randrange(len(model) + 10_000)
                    file.truncate(size)
                    del model[size:]
                    model.extend(bytes(size - len(model)))
                else:
                    os.fsync(file.fileno())
            if step % 50 == 49:
                self.assertEqual(path.read_bytes(), model, f"after step {step}")
            if step % 150 == 149:
                self.vault.remount()
                self.assertEqual(path.read_bytes(), model, f"after remounting in step {step}")

    def test_fsync_and_fdatasync_succeed_on_files_and_directories(self):
        descriptor = os.open(self.root / "file", os.O_RDWR | os.O_CREAT, 0o644)
        os.write(descriptor, b"data")
        os.fsync(descriptor)
        os.fdatasync(descriptor)
        os.close(descriptor)
        (self.root / "folder").mkdir()
        for directory in (self.root, self.root / "folder"):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(descriptor)
            os.close(descriptor)


class Unlinked(MountTest):
    def test_a_file_unlinked_while_open_keeps_working(self):
        path = self.root / "file"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        os.write(descriptor, b"x" * 100_000)
        os.unlink(path)
        self.assert_errno(errno.ENOENT, os.stat, path)
        self.assertEqual(os.fstat(descriptor).st_nlink, 0)
        os.pwrite(descriptor, b"more", 99_998)
        os.fsync(descriptor)
        self.assertEqual(os.pread(descriptor, 10, 99_996), b"xxmore")
        os.ftruncate(descriptor, 3)
        self.assertEqual(os.pread(descriptor, 10, 0), b"xxx")
        # A new file of the same name is another file.
        path.write_bytes(b"new")
        self.assertEqual(os.pread(descriptor, 10, 0), b"xxx")
        os.close(descriptor)
        self.assertEqual(path.read_bytes(), b"new")
        self.vault.remount()
        self.assertEqual(os.listdir(self.root), ["file"])

    def test_a_file_replaced_by_rename_while_open_keeps_working(self):
        (self.root / "old").write_bytes(b"old contents")
        (self.root / "new").write_bytes(b"new contents")
        with open(self.root / "old", "rb") as file:
            os.rename(self.root / "new", self.root / "old")
            self.assertEqual(file.read(), b"old contents")
        self.assertEqual((self.root / "old").read_bytes(), b"new contents")
        self.assertEqual(os.listdir(self.root), ["old"])

    def test_a_file_unlinked_while_open_is_gone_after_a_crash(self):
        descriptor = os.open(self.root / "file", os.O_RDWR | os.O_CREAT, 0o644)
        os.write(descriptor, b"x" * 1_000_000)
        os.unlink(self.root / "file")
        os.fsync(descriptor)
        self.vault.kill()
        with contextlib.suppress(OSError):  # ENOTCONN: nobody is there to flush to
            os.close(descriptor)
        self.vault.mount()
        self.assertEqual(os.listdir(self.root), [])


class Attributes(MountTest):
    def test_modes_are_kept(self):
        (self.root / "file").touch()
        (self.root / "folder").mkdir()
        for mode in (0o600, 0o755, 0o000, 0o4711, 0o444):
            os.chmod(self.root / "file", mode)
            self.assertEqual(stat.S_IMODE(os.stat(self.root / "file").st_mode), mode)
        os.chmod(self.root / "folder", 0o1750)
        self.vault.remount()
        self.assertEqual(stat.S_IMODE(os.stat(self.root / "file").st_mode), 0o444)
        self.assertEqual(stat.S_IMODE(os.stat(self.root / "folder").st_mode), 0o1750)

    def test_set_user_id_bits_go_with_a_change_of_content_or_owner(self):
        script = """
import os, sys
what, path = sys.argv[1:]
if what == "write":
    with open(path, "r+b", buffering=0) as file:
        file.write(b"x")
elif what == "truncate":
    os.truncate(path, 1)
elif what == "open":
    os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))
else:
    os.chown(path, os.geteuid(), os.getegid())
"""
        without_fsetid = ["setpriv", "--bounding-set=-fsetid"] if os.geteuid() == 0 else []
        for what in ("write", "truncate", "open", "chown"):
            path = self.root / what
            path.write_bytes(b"program")
            path.chmod(0o6755)
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o6755)
            subprocess.run([*without_fsetid, sys.executable, "-c", script, what, path], check=True)
            self.assertEqual(oct(stat.S_IMODE(path.stat().st_mode)), oct(0o755), what)
        self.vault.remount()
        for what in ("write", "truncate", "open", "chown"):
            self.assertEqual(oct(stat.S_IMODE((self.root / what).stat().st_mode)), oct(0o755), what)

    def test_new_files_obey_the_umask(self):
        before = os.umask(0o027)
        try:
            os.close(os.open(self.root / "file", os.O_CREAT | os.O_WRONLY, 0o666))
            os.mkdir(self.root / "folder", 0o777)
        finally:
            os.umask(before)
        self.assertEqual(stat.S_IMODE(os.stat(self.root / "file").st_mode), 0o640)
        self.assertEqual(stat.S_IMODE(os.stat(self.root / "folder").st_mode), 0o750)

    def test_new_files_belong_to_their_creator(self):
        (self.root / "file").touch()
        status = os.stat(self.root / "file")
        self.assertEqual((status.st_uid, status.st_gid), (os.geteuid(), os.getegid()))

    @unittest.skipUnless(os.geteuid() == 0, "only root may give files away")
    def test_owners_are_kept(self):
        (self.root / "file").touch()
        os.symlink("nowhere", self.root / "link")
        os.chown(self.root / "file", 1234, 5678)
        os.chown(self.root / "link", 4_000_000_000, 7, follow_symlinks=False)
        self.vault.remount()
        status = os.stat(self.root / "file")
        self.assertEqual((status.st_uid, status.st_gid), (1234, 5678))
        status = os.lstat(self.root / "link")
        self.assertEqual((status.st_uid, status.st_gid), (4_000_000_000, 7))

    def test_the_blocks_of_an_open_file_are_known_after_a_sync(self):
        descriptor = os.open(self.root / "file", os.O_WRONLY | os.O_CREAT)
        try:
            for _ in range(3):
                os.write(descriptor, bytes(100_000))
                os.fsync(descriptor)
                status = os.fstat(descriptor)
                self.assertGreaterEqual(status.st_blocks * 512, status.st_size)
            # Overwritten, the number stays; cut and written again to the same length, it is told again.
            before = status.st_blocks
            os.pwrite(descriptor, b"x" * 50_000, 0)
            self.assertEqual(os.fstat(descriptor).st_blocks, before)
            os.fsync(descriptor)
            self.assertEqual(os.fstat(descriptor).st_blocks, before)
            os.ftruncate(descriptor, 4096)
            self.assertLess(os.fstat(descriptor).st_blocks, before)
            os.pwrite(descriptor, b"x" * (status.st_size - 4096), 4096)
            os.fsync(descriptor)
            self.assertEqual(os.fstat(descriptor).st_blocks, before)
        finally:
            os.close(descriptor)

    def test_times_are_kept_to_the_nanosecond(self):
        (self.root / "file").touch()
        (self.root / "folder").mkdir()
        os.symlink("nowhere", self.root / "link")
        access, modification = 1_234_567_890_123_456_789, 5_000_000_000_987_654_321
        for name in ("file", "folder", "link"):
            os.utime(self.root / name, ns=(access, modification), follow_symlinks=False)
        self.vault.remount()
        for name in ("file", "folder", "link"):
            status = os.lstat(self.root / name)
            self.assertEqual((status.st_atime_ns, status.st_mtime_ns), (access, modification), name)

    def test_changes_move_the_times(self):
        path = self.root / "file"
        path.write_bytes(b"one")
        os.utime(path, ns=(1_000_000_000, 1_000_000_000))
        os.utime(self.root, ns=(1_000_000_000, 1_000_000_000))
        before = os.stat(path)
        self.assertEqual(before.st_mtime_ns, 1_000_000_000)
        self.assertGreater(before.st_ctime_ns, 1_600_000_000_000_000_000)
        path.write_bytes(b"two")
        self.assertGreater(os.stat(path).st_mtime_ns, 1_600_000_000_000_000_000)
        self.assertEqual(os.stat(self.root).st_mtime_ns, 1_000_000_000)
        (self.root / "another").touch()
        self.assertGreater(os.stat(self.root).st_mtime_ns, 1_600_000_000_000_000_000)

    def test_a_write_moves_the_modification_time_durably(self):
        path = self.root / "file"
        path.write_bytes(b"one")
        os.utime(path, ns=(1_000_000_000, 1_000_000_000))
        with open(path, "ab") as file:
            file.write(b"more")
        seen = os.stat(path).st_mtime_ns
        self.assertGreater(seen, 1_600_000_000_000_000_000)
        self.vault.remount()
        self.assertEqual(os.stat(path).st_mtime_ns, seen)

    def test_statfs_gives_sensible_figures(self):
        figures = os.statvfs(self.root)
        self.assertGreater(figures.f_bsize, 0)
        self.assertGreater(figures.f_blocks, 0)
        self.assertLessEqual(figures.f_bavail, figures.f_bfree)
        self.assertLessEqual(figures.f_bfree, figures.f_blocks)
        self.assertGreater(figures.f_bavail, 0)
        self.assertEqual(figures.f_namemax, 255)


if __name__ == "__main__":
    unittest.main()
