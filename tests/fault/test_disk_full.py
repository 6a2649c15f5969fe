#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 300 s
"""The hub's disk fills up: from 80 % on batches are told to come later, when it is full the process ends, and with space back it goes on.

The data lies on a small file system of its own, mounted where only this test and its children see it. The load never stops; the
checker judges what senders and receivers saw. SEED
"""
import contextlib
import ctypes
import os
import pathlib
import random
import shutil
import subprocess
import sys

import load
from load import kit

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(10**9)))
MIB = 1 << 20
ROOM = 48 * MIB
BROKEN = 4
CLONE_NEWNS = 0x00020000


def skip_unless_mounting():
    """In a mount namespace of our own: what is mounted goes with us."""
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0 or \
            subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, check=False).returncode != 0:
        print("a file system of its own cannot be mounted here: not root, or in a chroot")
        sys.exit(77)


class DiskFull(load.Test):
    SETTINGS = {"snapshot_every": 1000000000}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data = cls.house.house / "data"
        cls.filler = cls.data / "something-else"
        cls.hub.end()
        aside = cls.house.dir / "aside"
        cls.data.rename(aside)
        cls.data.mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=700", "tmpfs", cls.data], check=True)
        shutil.copytree(aside, cls.data, dirs_exist_ok=True)
        cls.addClassCleanup(subprocess.run, ["umount", cls.data], check=True)
        cls.addClassCleanup(cls.house.stop)  # it comes before
        cls.house.processes.remove(cls.hub)
        cls.hub = cls.house.start_hub()

    def fill(self, percent):
        """Something else takes the room until so much of the disk is used."""
        room = os.statvfs(self.data)
        free = room.f_bavail * room.f_frsize
        left = free - ROOM * (100 - percent) // 100
        with open(self.filler, "ab", buffering=0) as file:
            for chunk in (MIB // 16, 4096):
                with contextlib.suppress(OSError):  # full
                    while left >= chunk:
                        left -= file.write(bytes(chunk))

    def make_room(self):
        self.filler.unlink()

    def test_it_fills_up_and_has_room_again(self):
        print(f"seed {SEED}", flush=True)
        self.start_load(SEED)
        self.wait_seen(40)
        self.later_and_admitted_again()
        for _ in range(3):
            self.full_and_on_again()
        print(self.finish(), flush=True)

    def later_and_admitted_again(self):
        at = len(self.hub.lines)
        self.fill(85)
        self.hub.wait_for("disk.full", start=at)
        publishers = [actor for actor in self.actors if actor.publishes]
        self.house.wait_until("each publisher's batches are told to come later",
                              lambda: all(actor.peer.kept and not actor.peer.batches for actor in publishers))
        accepted = self.metrics()["batches_accepted"]
        self.house.wait_until("they come again", lambda: all(actor.peer.kept for actor in publishers))
        self.assertEqual(self.metrics()["batches_accepted"], accepted)
        self.assertIsNone(self.hub.child.poll())
        at = len(self.hub.lines)
        self.make_room()
        self.hub.wait_for("disk.admits", start=at)
        self.wait_seen(40)

    def full_and_on_again(self):
        """No room at all: the hub ends when it has something to write that needs room. A start may find enough to serve on what
        it has; then it lets nothing in."""
        self.fill(100)
        self.wait_broken()
        for _ in range(4):
            self.restart(wait=False)
            self.house.wait_until("an end, or nobody let in", lambda: self.hub.child.poll() is not None or self.hub.count("disk.full"))
            if self.hub.child.poll() is None:
                self.kill_hub()
            else:
                self.wait_broken()
        self.make_room()
        self.restart()
        self.wait_seen(40)

    def wait_broken(self):
        self.assertEqual(self.hub.child.wait(30), BROKEN, self.hub.lines[-5:])
        self.hub.reader.join(5)
        self.assertRegex(" ".join(self.hub.lines), r"err=(DISK_FULL|IO)\b")


if __name__ == "__main__":
    skip_unless_mounting()
    kit.main()
