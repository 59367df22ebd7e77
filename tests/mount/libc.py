"""System calls that Python does not offer: renameat2, unshare, and a directory stream with telldir and seekdir."""

import ctypes
import os

AT_FDCWD = -100
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
CLONE_NEWNS = 0x20000

libc = ctypes.CDLL(None, use_errno=True)
libc.opendir.argtypes, libc.opendir.restype = [ctypes.c_char_p], ctypes.c_void_p
libc.closedir.argtypes = [ctypes.c_void_p]
libc.telldir.argtypes, libc.telldir.restype = [ctypes.c_void_p], ctypes.c_long
libc.seekdir.argtypes, libc.seekdir.restype = [ctypes.c_void_p, ctypes.c_long], None


class Dirent(ctypes.Structure):
    _fields_ = [("inode", ctypes.c_uint64), ("offset", ctypes.c_int64), ("length", ctypes.c_uint16),
                ("type", ctypes.c_uint8), ("name", ctypes.c_char * 256)]


libc.readdir.argtypes, libc.readdir.restype = [ctypes.c_void_p], ctypes.POINTER(Dirent)


def fail(*paths):
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), *paths)


def renameat2(source, target, flags):
    if libc.renameat2(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flags) != 0:
        fail(str(source), None, str(target))


def unshare_mounts():
    """From now on this process, and what it starts, has mounts of its own."""
    if libc.unshare(CLONE_NEWNS) != 0:
        fail()


class DirectoryStream:
    """opendir … closedir, without "." and ".."."""

    def __init__(self, path):
        self.stream = libc.opendir(os.fsencode(path))
        if not self.stream:
            fail(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        libc.closedir(self.stream)

    def read(self):
        """The next name, or None at the end."""
        while True:
            ctypes.set_errno(0)
            entry = libc.readdir(self.stream)
            if not entry:
                if ctypes.get_errno():
                    fail()
                return None
            if entry.contents.name not in (b".", b".."):
                return os.fsdecode(entry.contents.name)

    def rest(self):
        """The names from here to the end."""
        names = []
        while (name := self.read()) is not None:
            names.append(name)
        return names

    def tell(self):
        return libc.telldir(self.stream)

    def seek(self, position):
        libc.seekdir(self.stream, position)
