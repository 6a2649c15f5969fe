# SPDX-License-Identifier: EUPL-1.2
"""A disk (or an allocator) that fails when told to: the test's side of disk_shim.c, which is preloaded into the hub."""
import errno
import mmap
import os
import pathlib
import struct

SHIM = pathlib.Path(os.environ["KNOOPPUNT_TESTS"], "fault/disk_shim.so")
KINDS = {"data": 1, "meta": 2, "sync": 3, "open": 4, "malloc": 5}
LAYOUT = struct.Struct("=iiixxxxqqqq64s")  # struct control
ALWAYS = 0


class Disk:
    def __init__(self, folder):
        self.path = pathlib.Path(folder, "fault")
        self.path.write_bytes(bytes(LAYOUT.size))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), LAYOUT.size)
        self.env = {"LD_PRELOAD": str(SHIM), "KNOOPPUNT_FAULT": str(self.path)}

    def fail(self, kind, target="", error=errno.EIO, nth=1, count=ALWAYS):
        """From the nth call of the kind on files with @target in their path; armed last."""
        self.map[:] = LAYOUT.pack(0, KINDS[kind], error, nth, count, 0, 0, target.encode())
        self.map[0:4] = struct.pack("=i", 1)

    def heal(self):
        self.map[0:4] = struct.pack("=i", 0)

    def seen(self):
        return LAYOUT.unpack(self.map[:])[5]

    def fired(self):
        return LAYOUT.unpack(self.map[:])[6]
