#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 600 s
# check: alone (the moments of the kills mean something only when the adapters get their turn)
"""Adapters are killed while they work through their exports, at each of their crash points and at random moments, some of the time
without a hub. In the end every record of the exports has exactly the outcome that it has in a house where nothing happened, the hub
counts as many effects, and a complete result lies beside each file. SEED may be given; it is printed.
"""
import collections
import csv
import os
import pathlib
import random
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import house  # noqa: E402

PARTNERS = ("politie", "om", "reclassering", "jeugdzorg")
POINTS = ("spool.before_commit", "spool.after_commit", "file.before_move", "events.before_commit", "events.before_ack",
          "write.before_rename")
COUNTS = (1, 2)
SEED = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**9))
EFFECTS = ("outcomes_new", "outcomes_replaces", "outcomes_withdrawn", "outcomes_superseded", "conflicts")


def spin(seconds):
    """Shorter than the scheduler's turn, so that a kill does not always fall just after a wake-up."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def exports(name):
    return sorted(path for path in (house.EXAMPLE / "exports" / name).iterdir() if path.is_file())


class Place:
    """A house with its four adapters."""

    def __init__(self, case, disturbed):
        folder = tempfile.TemporaryDirectory(prefix="knooppunt-fault-", dir=os.environ.get("TMPDIR"))
        case.addCleanup(folder.cleanup)
        self.house = house.House(folder.name)
        case.addCleanup(self.house.stop)
        self.house.start_hub()
        self.left = {name: exports(name) for name in PARTNERS}
        self.dropped = collections.Counter()
        self.effects = collections.Counter()
        self.adapters = {}
        for name in PARTNERS:
            self.house.enrol(name)
            if not disturbed:
                self.start(name)

    def start(self, name, env=None):
        self.house.env = env or {}
        self.adapters[name] = self.house.start_adapter(name)
        self.house.env = {}

    def kill(self, name):
        process = self.adapters.pop(name)
        process.kill()
        status = process.child.wait()
        process.reader.join(5)
        process.child.stderr.close()
        process.log.close()
        self.house.processes.remove(process)
        return status

    def drop(self, name, count=1):
        for path in self.left[name][:count]:
            self.house.drop(name, path)
            self.dropped[name] += 1
        del self.left[name][:count]

    def results(self, name):
        return sorted((self.house.counterpart_dir(name) / "done").glob("*.result.csv"))

    def wait_results(self):
        self.house.wait_until("a result beside every export", lambda: all(
            len(self.results(name)) >= self.dropped[name] for name in PARTNERS), 120)
        self.house.wait_until("everything applied", lambda: self.house.ask("status")["hub"][0]["backlog"] == 0)

    def rows(self):
        """Every record of every export with what became of it; the position may differ, nothing else."""
        found = []
        for name in PARTNERS:
            for path in self.results(name):
                with open(path, newline="", encoding="utf-8-sig") as file:
                    found += [(name, path.name, row["record"], row["line"], row["reference"], row["status"], row["code"],
                               row["field"]) for row in csv.DictReader(file)]
        return sorted(found)

    def count_effects(self):
        """The hub's counters begin anew with it: taken when all is quiet, before it goes and at the end."""
        for row in self.house.ask("metrics")["metrics"]:
            name = row["name"].removeprefix("knooppunt_")
            if name in EFFECTS:
                self.effects[name] += row["value"]


class AdapterKill(unittest.TestCase):
    maxDiff = None

    def test_every_record_has_one_effect(self):
        print(f"seed {SEED}; again: SEED={SEED} tests/fault/test_adapter_kill.py", flush=True)
        calm = Place(self, disturbed=False)
        for name in PARTNERS:
            calm.drop(name, 1000)
        calm.wait_results()
        calm.count_effects()
        calm.house.stop()

        place = Place(self, disturbed=True)
        for name in POINTS:
            for count in COUNTS:
                with self.subTest(point=name, count=count):
                    self.die_at(place, name, count)
        for name in PARTNERS:
            place.start(name)
        chance = random.Random(SEED)
        kills = self.storm(place, chance, until=lambda: sum(map(len, place.left.values())) < 14, hub=True)
        place.wait_results()
        place.count_effects()
        place.house.hub.end()
        place.house.processes.remove(place.house.hub)
        kills += self.storm(place, chance, until=lambda: not any(place.left.values()), hub=False)
        place.house.start_hub()
        kills += self.storm(place, chance, until=lambda: False, hub=True, most=8)
        place.wait_results()
        place.count_effects()
        self.assertGreaterEqual(kills, 20)
        self.judge(calm, place)
        print(f"{kills} kills, {len(POINTS) * len(COUNTS)} deaths at crash points, {len(calm.rows())} records, "
              f"{dict(place.effects)}", flush=True)

    def judge(self, calm, place):
        self.assertGreater(len(calm.rows()), 200)
        self.assertGreater(calm.effects["outcomes_new"], 200)
        self.assertEqual(place.rows(), calm.rows())
        self.assertEqual(place.effects, calm.effects)
        for name in PARTNERS:
            home = place.house.counterpart_dir(name)
            there = sorted(path.name for path in (home / "done").iterdir())
            self.assertEqual(there, sorted(made for path in exports(name) for made in (path.name, f"{path.name}.result.csv")))
            self.assertEqual(list((home / "drop").iterdir()), [])
            # Nothing half written stays.
            self.assertEqual([path for path in home.rglob("*") if path.name.startswith(".")], [])
            for path in (home / "inbox").iterdir():
                self.assertRegex(path.name, rf"^{name}-[0-9]{{12}}\.[a-z]+$")
        verify = place.house.ask("store", "verify")["verify"][0]
        self.assertEqual([verify["bad_rows"], verify["lost_keys"], verify["bad_tables"]], [0, 0, 0])

    def die_at(self, place, name, count):
        place.start("jeugdzorg", {"KNOOPPUNT_CRASH": f"{name}:{count}"})
        process = place.adapters["jeugdzorg"]
        place.drop("jeugdzorg", 2)
        try:
            place.house.wait_until(f"death at {name}", lambda: process.child.poll() is not None, 30)
        finally:
            status = place.kill("jeugdzorg")
        self.assertEqual(status, -9)
        self.assertIn(f"<5>crash.point name={name} count={count}", process.lines)

    def storm(self, place, chance, until, hub, most=1000):
        """Each round something is dropped and somebody is killed: while it starts, reads, sends or writes."""
        kills = 0
        while not until() and kills < most:
            name = chance.choice([one for one in PARTNERS if place.left[one]] or PARTNERS)
            process = place.adapters[name]
            process.wait_for("hub.welcome" if hub and chance.random() < 0.6 else "adapter.started")
            place.drop(name)
            spin(chance.random() * chance.choice((0.01, 0.15)))
            place.kill(name)
            place.start(name)
            kills += 1
        return kills


if __name__ == "__main__":
    if os.environ.get("KNOOPPUNT_VARIANT", "fault") != "fault":
        print("needs the build with crash points (make VARIANT=fault)")
        sys.exit(77)
    unittest.main(verbosity=1)
