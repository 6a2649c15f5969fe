#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 900 s
# check: alone (a crash point that is not reached in time fails)
"""The hub dies at each named crash point, at the first to the fifth time that it passes there; each is shown to have been reached.

COUNTS (5) may be given. Needs the build with crash points: without it this is skipped. That no point is left out is checked against
the sources: a point that is added must be listed here, or it has no test.
"""
import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import load  # noqa: E402

COUNTS = int(os.environ.get("COUNTS", "5"))
ROOT = pathlib.Path(__file__).resolve().parents[2]
POINTS = ("journal.before_sync", "journal.after_sync", "receipt.before_send", "receipt.after_send", "apply.before_commit",
          "apply.after_commit", "store.before_commit", "store.after_commit", "deliver.before_send", "deliver.after_send",
          "ack.before_journal", "ack.after_journal", "journal.trim", "snapshot.before_rename")
AT_START = ("write.before_rename",)  # the hub passes there once each time it starts


def points_in(folder):
    found = set()
    for path in (ROOT / folder).rglob("*.c"):
        found |= set(re.findall(r'kp_crash_point\("([a-z_.]+)"\)', path.read_text()))
    return found


class CrashPoints(load.Test):
    # Snapshots so often that the journal is trimmed all the time: trimming is a crash point too.
    SETTINGS = {"snapshot_every": 20}

    def test_every_point_of_the_sources_is_here(self):
        self.assertEqual(points_in("hub"), {*POINTS, *AT_START})

    def test_each_point(self):
        self.start_load("crash points")
        for count in range(1, COUNTS + 1):
            for name in POINTS + (AT_START if count == 1 else ()):
                with self.subTest(point=name, count=count):
                    self.die_at(name, count)
        self.wait_seen(20)
        print(self.finish(), flush=True)
        # What was half written when the hub died is taken away by the next.
        names = {path.name for path in (self.house.house / "data").iterdir()}
        self.assertEqual(names - {"attempt"}, {"journal", "state", "persons", "snapshots", "lock"})

    def die_at(self, name, count):
        # In order and with progress in between: a command that ends the process four times in a row is rightly held.
        self.assertEqual(self.hub.end(), 0)
        self.restart(env={"KNOOPPUNT_CRASH": f"{name}:{count}"}, wait=False)
        try:
            self.wait_seen(10**9, seconds=60, until=lambda: self.hub.child.poll() is not None)
            self.assertEqual(self.hub.child.wait(), -9)
            self.hub.reader.join(5)
            self.assertTrue(any(line == f"<5>crash.point name={name} count={count}" for line in self.hub.lines),
                            self.hub.lines[-3:])
        finally:
            self.kill_hub()
            self.restart()
        self.wait_seen(15)


if __name__ == "__main__":
    if os.environ.get("KNOOPPUNT_VARIANT", "fault") != "fault":
        print("needs the build with crash points (make VARIANT=fault)")
        sys.exit(77)
    unittest.main(verbosity=1)
