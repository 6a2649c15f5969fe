#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# check: limit 300 s
"""The disk refuses while the hub works: nothing leaves, the process ends, and when the disk is well again it goes on by itself.

Every commit is made to fail in every way it can: the journal's, the state's and the keyring's, at the pages, at the sync and at the
page that makes it count, with an error of the device and with no room. The load goes on through all of it; the checker judges what
senders and receivers saw. However often the hub starts on such a disk, no command is set aside for it. SEED
"""
import errno
import os
import random
import re

import disk
import load
from load import kit

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(10**9)))
BROKEN = 4  # exit code: the data folder needs attention, or the disk does
ERRORS = {errno.EIO: "IO", errno.ENOSPC: "DISK_FULL"}
KINDS = ("data", "sync", "meta")
FAILING_STARTS = 5  # more than the attempts after which a command is set aside


class CommitError(load.Test):
    def setUp(self):
        self.disk = disk.Disk(self.house.dir)
        self.restart_well(stop=True)
        self.start_load(SEED)
        self.wait_seen(20)

    def restart_well(self, stop=False):
        self.disk.heal()
        if stop:
            self.house.hub.kill()
            self.house.hub.child.wait()
        self.restart(env=self.disk.env)

    def wait_broken(self, what, error):
        """The hub ends by itself, with its code, says why, and the disk did fail."""
        self.assertEqual(self.hub.child.wait(30), BROKEN, (what, self.hub.lines[-5:]))
        self.hub.reader.join(5)
        self.assertGreater(self.disk.fired(), 0, what)
        said = [line for line in self.hub.lines if line.startswith("<3>")]
        self.assertEqual(len(said), 1, (what, said))
        self.assertRegex(said[0], rf"err={ERRORS[error]}\b", what)
        return said[0]

    def fail_once_running(self, where, kind, error):
        self.disk.fail(kind, f"/data/{where}/", error)
        if where == "persons":  # a new segment of the journal, the first after a start, needs a key
            self.hub.kill()
            self.hub.child.wait()
            self.restart(env=self.disk.env, wait=False)
        line = self.wait_broken((where, kind, error), error)
        event = {"journal": "journal.failed", "state": "state.failed"}.get(where, r"\S+")
        self.assertRegex(line, rf"^<3>{event} ")

    def test_every_commit_fails_in_every_way(self):
        for where in ("journal", "state", "persons"):
            for kind in KINDS:
                for error in ERRORS:
                    self.fail_once_running(where, kind, error)
                    self.restart_well()
                    self.wait_seen(10)
        for error in ERRORS:
            self.start_again_and_again(error)
        figures = self.finish()
        self.assertEqual(self.poisoned(), 0)
        print(f"seed {SEED}: {figures}")

    def start_again_and_again(self, error):
        """The start itself succeeds, the first commit of what was waiting does not."""
        self.disk.fail("sync", "/data/state/", error)
        self.wait_broken("running", error)
        for _ in range(FAILING_STARTS):
            self.disk.fail("sync", "/data/state/", error, nth=self.syncs_of_a_start() + 1)
            self.restart(env=self.disk.env, wait=False)
            self.wait_broken("starting", error)
        self.restart_well()
        self.wait_seen(10)

    def syncs_of_a_start(self):
        return 1  # the row of the start

    def poisoned(self):
        log = (self.house.dir / "hub.log").read_text()
        return len(re.findall(r"^<\d>command\.poison", log, re.M))


if __name__ == "__main__":
    kit.main()
