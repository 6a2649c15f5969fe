#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 300 s
"""The n-th write, sync, open or allocation fails, once: while the hub starts, and while it takes in and delivers.

It may go on, or end with a code and a word of why. It never ends otherwise, never hangs, and what was receipted is there, once, in
order. FAILURES says how many moments of each kind are tried: while it starts, spread over all there are ("all": each); while it works, as
many at random (25 with "all"). SEED
"""
import os
import random
import re
import signal

import disk
import load
from load import kit

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(10**9)))
FAILURES = os.environ.get("FAILURES", "25")
NEVER = 1 << 40
WITHIN = {"data": 40, "meta": 40, "sync": 40, "open": 5, "malloc": 2000}  # of the calls of a hub that works
ERROR = {"data": 28, "meta": 5, "sync": 5, "open": 24, "malloc": 12}  # ENOSPC, EIO, EIO, EMFILE, ENOMEM
# What the hub says when it ends: an error line; its configuration that it could not open; or, for want of memory alone, by abort the
# assertion or the library (libzmq) that had none.
SAID = {4: r"^<3>\S+ .*err=[A-Z_]+", 2: r"house\.yaml:.* cannot open |house\.yaml:.*memory",
        -signal.SIGABRT: r"^<2>assert\.failed |OUT OF MEMORY|std::bad_alloc|\(src/\w+\.cpp:\d+\)$"}


class NthFailure(load.Test):
    SETTINGS = {"snapshot_every": 40}  # a hub that works opens files when it makes one

    def setUp(self):
        self.disk = disk.Disk(self.house.dir)
        self.chance = random.Random(SEED)
        print(f"again: SEED={SEED} FAILURES={FAILURES} tests/fault/test_nth_failure.py", flush=True)

    def stop_hub(self):
        self.hub.kill()
        self.hub.child.wait()

    def moments(self, count):
        """Which of so many calls fail."""
        if FAILURES == "all" or int(FAILURES) >= count:
            return list(range(1, count + 1))
        return sorted(self.chance.sample(range(1, count + 1), int(FAILURES)))

    def check_end(self, what):
        """How it ended, if it did; the next start finds everything."""
        status = self.hub.child.wait(30)
        self.hub.reader.join(5)
        self.assertIn(status, SAID, (what, self.hub.lines[-5:]))
        self.assertTrue(status > 0 or what[0] == "malloc", (what, self.hub.lines[-5:]))
        self.assertTrue(any(re.search(SAID[status], line) for line in self.hub.lines), (what, status, self.hub.lines[-5:]))

    def test_while_it_starts(self):
        for kind in disk.KINDS:
            self.disk.fail(kind, nth=NEVER, error=ERROR[kind])
            self.stop_hub()
            self.restart(env=self.disk.env)
            count = self.disk.seen()
            self.assertGreater(count, 0, kind)
            ended = 0
            for nth in self.moments(count):
                self.stop_hub()
                self.disk.fail(kind, nth=nth, count=1, error=ERROR[kind])
                self.restart(env=self.disk.env, wait=False)
                self.house.wait_until("an end, or it serves",
                                      lambda: self.hub.child.poll() is not None or self.hub.count("hub.ready"), 30)
                if self.hub.child.poll() is not None:
                    self.check_end((kind, nth))
                    ended += 1
            print(f"start, {kind}: {count} calls, {ended} ends", flush=True)
            self.assertTrue(ended > 0 or kind == "malloc", kind)  # most of its moments are a library's that can do without
            self.disk.heal()
            self.stop_hub()
            self.restart(env=self.disk.env)

    def test_while_it_takes_in_and_delivers(self):
        self.stop_hub()
        self.restart(env=self.disk.env)
        self.start_load(SEED)
        for kind in disk.KINDS:
            ended = fired = 0
            rounds = 25 if FAILURES == "all" else int(FAILURES)
            for _ in range(rounds):
                self.disk.fail(kind, nth=self.chance.randint(1, WITHIN[kind]), count=1, error=ERROR[kind])
                self.wait_seen(20, until=lambda: self.hub.child.poll() is not None)
                self.disk.heal()
                if self.disk.fired() == 0:
                    continue
                fired += 1
                self.wait_seen(20, until=lambda: self.hub.child.poll() is not None)  # from one that is at its end nothing comes
                if self.hub.child.poll() is not None:
                    self.check_end((kind, "running"))
                    ended += 1
                    self.restart(env=self.disk.env)
            print(f"running, {kind}: {fired} of {rounds} fired, {ended} ends", flush=True)
            self.assertGreater(fired, 0, kind)
        print(self.finish(), flush=True)


if __name__ == "__main__":
    kit.main()
