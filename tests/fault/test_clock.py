#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 300 s
"""The wall clock jumps eleven years ahead for a few seconds while a session is open and acknowledges. Nothing is stamped with the
wrong time, so nothing falls due by it, what is ripe stays ripe, and what becomes ripe afterwards is told.
"""
import mmap
import os
import pathlib
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import kit  # noqa: E402

SHIM = pathlib.Path(os.environ["KNOOPPUNT_TESTS"], "fault/clock_shim.so")
YEARS_11 = 11 * 366 * 86400


class Clock(kit.Test):
    PARTNERS = ("politie", "om", "reclassering")
    USERS = ("ketenmanager",)

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="knooppunt-clock-", dir=os.environ.get("TMPDIR"))
        cls.addClassCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, "ahead")
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            cls.map = mmap.mmap(file.fileno(), 8)
        cls.HUB_ENV = {"LD_PRELOAD": str(SHIM), "KNOOPPUNT_CLOCK": str(path)}
        super().setUpClass()

    def ahead(self, seconds):
        self.map[:] = struct.pack("=q", seconds)

    def report_everywhere(self, number):
        for name in self.PARTNERS:
            with self.session(name) as one:
                self.submit(one, kit.report(f"{name}-{number}", number))
                self.outcomes(one)

    def proposals(self):
        return len(self.house.ask("proposal", "list").get("proposals", []))

    def stamp(self):
        return self.status()["hub"][0]["applied_stamp"]

    def test_a_jump_of_the_clock_stamps_nothing(self):
        self.report_everywhere(50)
        before = self.proposals()
        self.assertGreater(before, 0)
        with self.session("politie") as one:
            self.submit(one, kit.report("x", 60))
            one.credit("politie", 1)
            box, seq, _ = one.wait_event()
            self.ahead(YEARS_11)
            self.hub.wait_for("clock.parted")  # the jump is seen
            one.ack(box, seq)
            one.wait_acked(box, seq)
            self.wait_applied()
            self.assertEqual(self.stamp()[:4], time.strftime("%Y", time.gmtime()))
            self.ahead(0)
        start = len(self.hub.lines)
        self.house.cli("clock", "confirm")
        self.hub.wait_for("clock.confirmed", start=start)
        self.report_everywhere(51)
        self.assertEqual(self.proposals(), 2 * before)
        with self.session("politie") as one:
            self.submit(one, kit.report("again", 50))
            self.outcomes(one)
        self.assertEqual(self.proposals(), 2 * before, "a ripe casus lapsed by the jump")


if __name__ == "__main__":
    kit.main()
