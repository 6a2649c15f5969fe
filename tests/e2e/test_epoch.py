#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 600 s
# check: not under asan -- everybody is weighed again at ticks, a second apart, which takes minutes there; tests/core sees the code
# check: not under tsan -- the same
"""The house learns from its own index while it serves: `match train` makes an epoch, which changes nothing; `match epoch compare` shows what it would
change; `match epoch activate` weighs everybody again by it, and back.
"""
import json
import os
import pathlib
import subprocess
import time

import kit
from kit import house, signal

LOAD = pathlib.Path(os.environ.get("KNOOPPUNT_TESTS", house.ROOT / "build/release/tests"), "bench/load")
PERSONS = 1200
# Sisters and cousins of whom ever less is said: how many persons they are depends on what agreement is worth.
SAID = [("Gerkensaa", "Anna", "", 1980, 2, 3), ("Gerkensbb", "Anna", "", 1980, 2, 3), ("Gerkensbb", "", "", 1980, 2, 3), ("Gerkenscc", "Anna", "", 1980, 2, 3),
        ("Gerkenscc", "Anna", "", 1980, 0, 0), ("Gerkansdd", "Anna", "", 1980, 2, 13), ("Gerkensee", "Anna", "9999ZZ", 1980, 3, 2),
        ("Gerkensff", "Anna", "9999ZZ", 0, 0, 0), ("Gerkansff", "Anna", "9999ZZ", 0, 0, 0), ("Gerkensgg", "", "9999ZZ", 0, 0, 0)]


class Epoch(kit.Test):
    PARTNERS = ("reclassering",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.doors = [cls.house.enrol(name) for name in ("politie", "om")]

    def load(self, seed, *options):
        command = [LOAD, "-s", seed, "-p", PERSONS, "-u", 2 * PERSONS, *options, *self.doors]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=200, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["held"], 0)
        self.wait_applied()

    def submit_said(self):
        with self.session("reclassering") as one:
            for i, (surname, given, postcode, year, month, day) in enumerate(SAID):
                made = kit.report(f"R-{i}")
                person = made.persons.add(role=signal.CASUS_ROLE_PLEGER, surname=surname, initials="A.", given_names=given)
                if postcode:
                    person.address.postcode, person.address.house_number = postcode, 7
                if year:
                    person.birth_date.CopyFrom(signal.Date(year=year, month=month or None, day=day or None))
                self.submit(one, made)
        self.wait_applied()

    def epochs(self):
        return {row["epoch"]: row for row in self.house.ask("match", "epoch", "list")["epochs"]}

    def active(self):
        return [number for number, row in self.epochs().items() if row["active"]]

    def count(self):
        return self.house.ask("person", "count")["persons"][0]["all"]

    def wait_weighed(self):
        until = time.monotonic() + 300
        while "weighing" in self.house.ask("match", "epoch", "list"):
            self.assertLess(time.monotonic(), until, "everybody is weighed again within five minutes")
            time.sleep(0.1)

    def changes(self, epoch):
        answer = self.house.ask("match", "epoch", "compare", epoch)
        compared = answer["compared"][0]
        self.assertEqual(len(answer["changes"]), compared["listed"])
        self.assertEqual(min(compared["persons_changed"], 100), compared["listed"])
        self.assertEqual(len({row["person"] for row in answer["changes"]}), compared["listed"])  # each once
        bearers = {spelling: row["person"] for row in answer["changes"] for spelling in row["spellings_now"].split()}
        for row in answer["changes"]:
            then = [set(person.split()) for person in row["spellings_then"].split(" / ")]
            now = set(row["spellings_now"].split())
            self.assertNotEqual(then, [now])
            self.assertLessEqual(now, set().union(*then))
            parted, _, joined = row["becomes"].rpartition("joined with ")
            self.assertEqual(set(joined.split()) if "joined" in row["becomes"] else set(), {bearers[one] for one in set().union(*then) - now})
            self.assertEqual(f"parted into {len(then)}" in (parted or row["becomes"]), len(then) > 1, row)
        return compared["persons_changed"]

    def test_a_house_learns_compares_and_activates(self):
        small = self.house.ask("match", "train", expect=1)
        self.assertEqual(small["name"], "STATE")
        self.assertIn("1000", small["text"])
        self.assertEqual(list(self.epochs()), [0])

        self.load(1, "-m", "preload", "-c", PERSONS)
        self.load(2, "-m", "forms", "-c", PERSONS)
        self.submit_said()
        before = self.count()
        learned = self.house.ask("match", "train")["learned"][0]
        self.assertEqual(learned["epoch"], 1)
        self.assertGreaterEqual(learned["forms"], 1000)
        self.assertEqual((self.active(), self.count()), ([0], before))  # nothing has changed
        self.assertEqual(self.epochs()[1]["forms"], learned["forms"])
        self.assertEqual(self.epochs()[1]["position"], learned["position"])
        self.assertEqual(self.changes(0), 0)
        self.assertGreater(self.changes(1), 0)

        self.assertEqual(self.house.ask("match", "epoch", "activate", 1)["activated"][0]["before"], 0)
        self.load(3, "-m", "forms", "-c", 200)  # while everybody is weighed again
        self.wait_weighed()
        self.assertEqual(self.active(), [1])
        self.assertEqual(self.changes(1), 0)
        self.assertEqual((self.epoch_of("B1-1"), self.epoch_of("B3-1")), (1, 1))  # from before it, and after

        self.house.ask("match", "epoch", "activate", 0)
        self.wait_weighed()
        self.assertEqual((self.active(), self.changes(0)), ([0], 0))
        self.assertEqual(self.epoch_of("B1-1"), 0)

        text = self.house.cli("match", "epoch", "activate", 1)
        self.assertTrue(text.endswith("\nEverybody is weighed again meanwhile: knooppunt match epoch list shows how far\n"), text)
        self.wait_weighed()
        self.house.ask("match", "epoch", "activate", 0)
        self.wait_weighed()
        again = self.house.ask("match", "train")["learned"][0]  # of what is there now
        self.assertEqual(again["epoch"], 2)
        self.assertEqual(list(self.epochs()), [0, 1, 2])
        text = self.house.cli("match", "train")
        self.assertTrue(text.endswith("\nNothing has changed yet. Who would be another under it: knooppunt match epoch compare 3\n"), text)

    def epoch_of(self, reference):
        position = self.house.ask("trace", "politie", reference)["signal"][0]["position"]
        return self.house.ask("match", "explain", position)["match"][0]["epoch"]

    def test_what_is_not_there_is_said_not_to_be(self):
        for words, expect, name, text in ((("compare", "77"), 1, "NOT_FOUND", "there is no epoch 77"),
                                          (("activate", "77"), 1, "NOT_FOUND", "there is no epoch 77"),
                                          (("activate", "99999999999"), 2, "USAGE", "give an epoch"),
                                          (("activate", "next"), 2, "USAGE", '"next" is not an epoch'),
                                          (("activate", "0"), 1, "STATE", "epoch 0 is active already")):
            answer = self.house.ask("match", "epoch", *words, expect=expect)
            self.assertEqual(answer["name"], name)
            self.assertIn(text, answer["text"])


if __name__ == "__main__":
    kit.main()
