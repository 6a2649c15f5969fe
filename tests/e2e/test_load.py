#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 300 s
"""The load generator of the benchmark tells the truth, and the hub keeps up with receivers that are as quick as it.

The generator acknowledges every event the moment it comes: an acknowledgement must never be refused because the hub has not
yet noted that it sent the event. And it must notice what is wrong: other persons than it says, signals that are held.
"""
import json
import os
import pathlib
import subprocess

import kit
from kit import house

LOAD = pathlib.Path(os.environ.get("KNOOPPUNT_TESTS", house.ROOT / "build/release/tests"), "bench/load")
PERSONS = 1200


class Load(kit.Test):
    PARTNERS = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.doors = [cls.house.enrol(name) for name in ("politie", "om")]
        cls.keeper = cls.house.enrol("ketenmanager", user=True)
        cls.seed = 0

    def load(self, *options):
        type(self).seed += 1
        command = [LOAD, "-s", self.seed, "-p", PERSONS, *options, *self.doors]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=200, check=False)

    def figures(self, *options):
        done = self.load(*options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_every_event_acknowledged_at_once(self):
        for _ in range(5):  # a matter of microseconds: not each time would show it
            before = self.metrics()
            answer = self.figures("-m", "preload", "-c", PERSONS, "-b", 1, "-a", 1, "-u", PERSONS)
            self.wait_applied()
            after = self.metrics()
            self.assertEqual((answer["sent"], answer["receipted"], answer["processed"], answer["held"]),
                             (PERSONS, PERSONS, PERSONS, 0))
            self.assertEqual(answer["receipt"]["count"], PERSONS)
            self.assertEqual(after["signals_accepted"] - before["signals_accepted"], PERSONS)
            self.assertEqual(after["frames_refused"] - before["frames_refused"], 0)

    def test_each_alert_finds_its_signal(self):
        self.figures("-m", "preload", "-c", PERSONS, "-u", PERSONS)
        before = self.metrics()["casus_ready"]
        answer = self.figures("-m", "alerts", "-c", 40, "-b", 1, "-w", 1, "-u", 1, "-k", 100, "-K", self.keeper)
        self.assertEqual(self.metrics()["casus_ready"] - before, 40)
        self.assertGreaterEqual(answer["alert"]["count"], 38, "the last one of a door may come when the run is over")
        self.assertGreater(answer["alert"]["p50_us"], 0)

    def test_what_waits_is_weighed_ahead_and_comes_to_the_same(self):
        self.figures("-m", "preload", "-c", PERSONS, "-u", PERSONS)
        before = self.metrics()["weighed_ahead"]
        self.figures("-m", "forms", "-c", 6000, "-u", 6000)
        self.wait_applied()
        self.assertGreater(self.metrics()["weighed_ahead"] - before, 100)
        self.house.hub.end(seconds=60)
        told = json.loads(house.run(self.house.bin / "knooppunt", "store", "rebuild", self.house.house, "--json", timeout=200))
        self.assertEqual((told["code"], told["same"]), (0, [{"same": "yes"}]), told)  # made anew with nothing ahead
        self.house.start_hub()

    def test_a_door_without_keys_is_no_figure(self):
        command = [LOAD, "-s", 999, "-p", PERSONS, "-t", 1, self.house.dir / "nobody"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))

    def test_usage(self):
        self.assertEqual(self.load("-t", 0).returncode, 2)


if __name__ == "__main__":
    kit.main()
