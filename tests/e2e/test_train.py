#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 300 s
"""The house learns while signals come: every time from what is there by then, and without effect on who is who. (Under the sanitizers
too: learning, comparing, the applier and who reads ahead of it share the state.)
"""
import json
import os
import pathlib
import subprocess

import kit
from kit import house

LOAD = pathlib.Path(os.environ.get("KNOOPPUNT_TESTS", house.ROOT / "build/release/tests"), "bench/load")
PERSONS = 1000
SIGNALS = 1500
EPOCHS = 2


class Train(kit.Test):
    PARTNERS = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.doors = [cls.house.enrol(name) for name in ("politie", "om")]

    def load(self, seed, *options):
        command = [LOAD, "-s", seed, "-p", PERSONS, "-u", 8 * PERSONS, *options, *self.doors]
        return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)

    def assert_loaded(self, load):
        answer = json.loads(load.communicate(timeout=200)[0])
        self.assertEqual((load.returncode, answer["held"]), (0, 0))
        self.wait_applied()

    def test_a_house_learns_while_signals_come(self):
        self.assert_loaded(self.load(1, "-m", "preload", "-c", PERSONS))
        load = self.load(2, "-m", "forms", "-c", SIGNALS)
        learned = []
        for epoch in range(1, EPOCHS + 1):
            learned.append(self.house.ask("match", "train")["learned"][0])
            self.assertEqual(learned[-1]["epoch"], epoch)
            self.house.ask("match", "epoch", "compare", epoch)
        self.assert_loaded(load)
        for before, after in zip(learned, learned[1:]):
            self.assertLessEqual(before["forms"], after["forms"])
            self.assertLess(before["position"], after["position"])
        last = self.house.ask("match", "train")["learned"][0]
        self.assertEqual(last["forms"], self.house.ask("match", "epoch", "compare", 0)["compared"][0]["forms"])  # all that are there
        epochs = self.house.ask("match", "epoch", "list")["epochs"]
        self.assertEqual([row["epoch"] for row in epochs], list(range(EPOCHS + 2)))
        self.assertEqual([row["epoch"] for row in epochs if row["active"]], [0])
        self.assertEqual(self.house.ask("match", "epoch", "compare", 0)["compared"][0]["persons_changed"], 0)


if __name__ == "__main__":
    kit.main()
