#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 900 s
# check: alone (the moments of the kills mean something only when the load gets its turn)
"""kill -9 of the hub, again and again under load: nothing receipted is lost, nothing has its effect twice, order stays, and who was
absent all the time gets everything in the end. KILLS (100) and SEED may be given; the seed is printed.
"""
import os
import pathlib
import random
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import load  # noqa: E402

KILLS = int(os.environ.get("KILLS", "100"))
SEED = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**9))


def spin(seconds):
    """A moment too short for the scheduler, so that the kill falls between two steps and not always after a wake-up."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


class Kill(load.Test):
    def test_kills_under_load(self):
        print(f"seed {SEED}, {KILLS} kills; again: SEED={SEED} KILLS={KILLS} tests/fault/test_kill.py", flush=True)
        chance = random.Random(SEED)
        self.start_load(SEED)
        slowest = 0.0
        kills = 0
        while kills < KILLS:
            self.wait_seen(chance.randint(1, 40))
            spin(chance.random() * 0.003)
            self.kill_hub()
            kills += 1
            if kills < KILLS and chance.random() < 0.1:  # and once more while it starts
                self.restart(wait=False)
                spin(chance.random() * 0.15)
                self.kill_hub()
                kills += 1
            began = time.monotonic()
            self.restart()
            slowest = max(slowest, time.monotonic() - began)
        self.wait_seen(20)
        figures = self.finish()
        print(f"{kills} kills, slowest start {slowest:.1f} s, {figures}", flush=True)


if __name__ == "__main__":
    unittest.main(verbosity=1)
